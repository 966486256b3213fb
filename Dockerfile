# A node in a container: the program alone, not root, its data in a volume.
#   docker build -t peergres .
#   docker run -v peergres:/data -e PEERGRES_PASSWORD=… -p 5433:5433 -p 8080:8080 peergres
FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# What --version shows, such as "0.1.0 (4f2c1aa)".
ARG PEERGRES_BUILD
ENV PEERGRES_BUILD=${PEERGRES_BUILD}
RUN if [ -z "$PEERGRES_BUILD" ]; then unset PEERGRES_BUILD; fi; cargo build --release --locked -p peergres

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /data peergres && install -d -o peergres -m 0700 /data
COPY --from=build /source/target/release/peergres /usr/local/bin/peergres
USER peergres
VOLUME /data
ENV PEERGRES_DATA=/data PEERGRES_PG=0.0.0.0:5433 PEERGRES_HTTP=0.0.0.0:8080
EXPOSE 5433 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["peergres", "status", "--json"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["peergres"]
CMD ["serve"]
