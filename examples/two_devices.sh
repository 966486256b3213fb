#!/usr/bin/env bash
# Two devices, one database: both are edited while apart, two conflicts appear, and each is settled another way.
# Needs psql. Uses PEERGRES_BINARY where it is set, else builds one. Leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n\033[1;36m== %s\033[0m\n' "$*"; }
note() { printf '\033[2m%s\033[0m\n' "$*"; }
fail() { printf '\033[1;31m%s\033[0m\n' "$*" >&2; exit 1; }

peergres=${PEERGRES_BINARY:-}
if [ -z "$peergres" ]; then
  cargo build --release -p peergres
  peergres=${CARGO_TARGET_DIR:-target}/release/peergres
fi
command -v psql >/dev/null || fail "psql is missing: apt-get install postgresql-client, or tests/run, which installs it"

home=$(mktemp -d)
declare -A server=()
finish() {
  for name in "${!server[@]}"; do kill "${server[$name]}" 2>/dev/null || true; done
  wait
  rm -rf "$home"
}
trap finish EXIT

# Ports that nobody listens on.
free_port() {
  local port
  for _ in $(seq 100); do
    port=$((20000 + RANDOM % 10000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  fail "no free port"
}
declare -A pg=([anna]=$(free_port) [ben]=$(free_port)) http=([anna]=$(free_port) [ben]=$(free_port))

start() {
  "$peergres" serve --data "$home/$1" --name "$1" --pg "127.0.0.1:${pg[$1]}" --http "127.0.0.1:${http[$1]}" --sync-interval 1h >"$home/$1.log" 2>&1 &
  server[$1]=$!
  for _ in $(seq 300); do
    psql -X -q -h 127.0.0.1 -p "${pg[$1]}" -U postgres app -c 'SELECT 1' >/dev/null 2>&1 && return
    kill -0 "${server[$1]}" 2>/dev/null || break
    sleep 0.1
  done
  cat "$home/$1.log" >&2
  fail "$1 did not start"
}
stop() {
  kill "${server[$1]}"
  wait "${server[$1]}" || true
  unset "server[$1]"
}
sql() { psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "${pg[$1]}" -U postgres app "${@:2}"; }
on() { "$peergres" "${@:2}" --data "$home/$1"; }
same() {
  local query="SELECT id, title, place, seats FROM concert ORDER BY id"
  [ "$(sql anna -At -c "$query")" = "$(sql ben -At -c "$query")" ] || fail "the devices differ"
}

step "Anna starts a node and fills a table"
start anna
sql anna <<'SQL'
CREATE TABLE concert (id serial PRIMARY KEY, title text NOT NULL, place text, seats integer);
INSERT INTO concert (title, place, seats) VALUES
  ('Winterreise', 'Vienna', 300), ('The Planets', 'London', 900), ('Kind of Blue', 'New York', 120);
SQL
sql anna -c 'TABLE concert'

step "Ben's device joins with a one-time code"
start ben
code=$(on anna invite --json | sed -E 's/.*"code" *: *"([^"]*)".*/\1/')
on ben join "$code" --name ben
sql ben -c 'TABLE concert'
same

step "Ben is off; Anna edits"
stop ben
sql anna -e <<'SQL'
UPDATE concert SET seats = 350 WHERE id = 1;
UPDATE concert SET place = 'Leeds' WHERE id = 2;
DELETE FROM concert WHERE id = 3;
SQL

step "Anna is off; Ben edits"
stop anna
start ben
sql ben -e <<'SQL'
UPDATE concert SET title = 'Winterreise, D 911' WHERE id = 1;
UPDATE concert SET place = 'York' WHERE id = 2;
UPDATE concert SET seats = 150 WHERE id = 3;
SQL

step "Both are on, and sync"
start anna
on anna sync --peer "http://127.0.0.1:${http[ben]}"
on ben sync --peer "http://127.0.0.1:${http[anna]}"
sql ben -c 'TABLE concert'
note "Concert 1 has both edits, of different columns. The others are conflicts, the same on both devices:"
on anna conflicts
same
ids() { sql "$1" -At -c "SELECT id FROM sync_conflicts WHERE status = 'pending' ORDER BY id"; }
[ "$(ids anna)" = "$(ids ben)" ] || fail "the conflicts differ"
[ "$(ids anna | wc -l)" = 2 ] || fail "two conflicts were expected"
of() { sql anna -At -c "SELECT id FROM sync_conflicts WHERE status = 'pending' AND record_id = '$1'"; }
place=$(of 2) deleted=$(of 3)

step "Anna keeps her place; Ben accepts that the concert is deleted"
on anna conflicts show "$place"
on anna conflicts resolve "$place" --winner local
on ben conflicts resolve "$deleted" --winner remote
on anna sync --peer "http://127.0.0.1:${http[ben]}"
on ben sync --peer "http://127.0.0.1:${http[anna]}"
sql ben -c 'TABLE concert'
same
[ -z "$(ids anna)$(ids ben)" ] || fail "a conflict is still open"
[ "$(sql ben -At -c 'SELECT place FROM concert WHERE id = 2')" = Leeds ] || fail "the resolution was lost"

step "Nothing was lost: the history of concert 2, and the proof of the whole log"
on ben log show concert 2
on anna log verify
on ben log verify

step "Both devices agree"
