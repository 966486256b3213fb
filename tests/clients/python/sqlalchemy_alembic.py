"""SQLAlchemy and Alembic as an application uses them: models with relations and every common type, migrations generated, applied, altered and
rolled back, reflection without a difference, through psycopg and asyncpg. Takes a connection string; ends with a failed assertion or `ok`."""

import asyncio
import datetime as dt
import enum
import sys
import tempfile
import uuid
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from database import own_database


class Mood(enum.Enum):
    happy = "happy"
    sad = "sad"


def first_models():
    """The application as it begins."""
    base = orm.declarative_base(
        metadata=sa.MetaData(
            naming_convention={
                "ix": "ix_%(column_0_label)s",
                "uq": "uq_%(table_name)s_%(column_0_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
                "pk": "pk_%(table_name)s",
            }
        )
    )
    membership = sa.Table(
        "membership",
        base.metadata,
        sa.Column("author_id", sa.ForeignKey("author.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("club_id", sa.ForeignKey("club.id", ondelete="CASCADE"), primary_key=True),
    )

    class Author(base):
        __tablename__ = "author"
        id = sa.Column(sa.Integer, primary_key=True)
        name = sa.Column(sa.String(60), nullable=False, index=True)
        email = sa.Column(sa.String, unique=True)
        mood = sa.Column(sa.Enum(Mood, name="mood"), nullable=False, server_default="happy")
        born = sa.Column(sa.Date)
        created = sa.Column(sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())
        books = orm.relationship("Book", back_populates="author", cascade="all, delete-orphan", order_by="Book.title")
        clubs = orm.relationship("Club", secondary=membership, back_populates="members")

    class Club(base):
        __tablename__ = "club"
        id = sa.Column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
        name = sa.Column(sa.Text, nullable=False, unique=True)
        members = orm.relationship("Author", secondary=membership, back_populates="clubs")

    class Book(base):
        __tablename__ = "book"
        id = sa.Column(pg.UUID(as_uuid=True), primary_key=True, default=uuid.uuid4)
        title = sa.Column(sa.String(200), nullable=False, comment="as printed")
        price = sa.Column(sa.Numeric(10, 2), nullable=False)
        weight = sa.Column(sa.Float)
        pages = sa.Column(sa.SmallInteger)
        in_print = sa.Column(sa.Boolean, nullable=False, server_default=sa.text("true"))
        opened = sa.Column(sa.Time)
        published = sa.Column(sa.DateTime)
        reading = sa.Column(sa.Interval)
        tags = sa.Column(pg.ARRAY(sa.Text), nullable=False, server_default="{}")
        extra = sa.Column(pg.JSONB, nullable=False, server_default=sa.text("'{}'::jsonb"))
        cover = sa.Column(sa.LargeBinary)
        address = sa.Column(pg.INET)
        valid = sa.Column(pg.DATERANGE)
        total = sa.Column(sa.Numeric, sa.Computed("price * 2", persisted=True))
        author_id = sa.Column(sa.ForeignKey("author.id", ondelete="CASCADE"), nullable=False)
        author = orm.relationship("Author", back_populates="books")
        __table_args__ = (
            sa.CheckConstraint("price >= 0", name="price_is_positive"),
            sa.UniqueConstraint("author_id", "title"),
            sa.Index("ix_book_cheap", "price", postgresql_where=sa.text("price < 10")),
            sa.Index("ix_book_lower_title", sa.text("lower(title)")),
            sa.Index("ix_book_tags", "tags", postgresql_using="gin"),
            {"comment": "what authors write"},
        )

    return base, Author, Book, Club


def second_models():
    """The application a year later: columns added, dropped, retyped; constraints and indexes changed; a table more."""
    base, Author, Book, Club = first_models()
    author, book = Author.__table__, Book.__table__
    author.append_column(sa.Column("rating", sa.Integer, nullable=False, server_default="0"))
    author.append_column(sa.Column("boss_id", sa.ForeignKey("author.id", ondelete="SET NULL")))
    book.c.title.type = sa.String(300)
    book.c.pages.type = sa.Integer()
    book.c.price.nullable = True
    book.c.in_print.server_default = None
    book.c.title.comment = None
    book._columns.remove(book.c.opened)
    book.indexes = {index for index in book.indexes if index.name != "ix_book_cheap"}
    sa.Index("ix_book_published", book.c.published.desc(), book.c.title)
    sa.Table(
        "review",
        base.metadata,
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("book_id", sa.ForeignKey("book.id", deferrable=True, initially="DEFERRED"), nullable=False, index=True),
        sa.Column("stars", sa.SmallInteger, sa.CheckConstraint("stars BETWEEN 1 AND 5", name="stars"), nullable=False),
        sa.Column("words", sa.Text, nullable=False, server_default="none"),
    )
    return base


ENVIRONMENT = """
from alembic import context
import sqlalchemy as sa

engine = sa.create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes["metadata"],
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
"""


def tables(url):
    engine = sa.create_engine(url)
    names = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    return names


def migrations(url):
    """Generated from the models, applied, altered, rolled back; right after applying there is nothing to do."""
    with tempfile.TemporaryDirectory() as home:
        config = Config(str(Path(home) / "alembic.ini"), stdout=open("/dev/null", "w"))
        config.set_main_option("script_location", str(Path(home) / "migrations"))
        config.set_main_option("sqlalchemy.url", url)
        command.init(config, str(Path(home) / "migrations"))
        (Path(home) / "migrations" / "env.py").write_text(ENVIRONMENT)
        for models, message in [(first_models()[0], "first"), (second_models(), "second")]:
            config.attributes["metadata"] = models.metadata
            command.revision(config, message, autogenerate=True)
            command.upgrade(config, "head")
            command.check(config)
        assert tables(url) == {"author", "book", "club", "membership", "review", "alembic_version"}
        command.downgrade(config, "-1")
        assert tables(url) == {"author", "book", "club", "membership", "alembic_version"}
        config.attributes["metadata"] = first_models()[0].metadata
        command.downgrade(config, "base")
        assert tables(url) == {"alembic_version"}
        with sa.create_engine(url).begin() as connection:
            connection.execute(sa.text("DROP TYPE mood"))
        command.upgrade(config, "+1")


def crud(url):
    base, Author, Book, Club = first_models()
    engine = sa.create_engine(url)
    when = dt.datetime(2024, 2, 29, 12, 30, 0, 5)
    with orm.Session(engine) as session:
        ann = Author(name="Ann", email="ann@example.org", born=dt.date(1970, 1, 2), mood=Mood.sad)
        club = Club(name="Poets", members=[ann])
        ann.books = [
            Book(
                title=f"Book {n}",
                price=Decimal("9.90") + n,
                weight=0.1,
                pages=n,
                opened=dt.time(8, 15),
                published=when,
                reading=dt.timedelta(days=1, hours=2, microseconds=3),
                tags=["a", 'b "c"', "ü"],
                extra={"n": n, "list": [1, None, "x"]},
                cover=bytes(range(256)),
                address="10.0.0.1",
                valid=pg.Range(dt.date(2024, 1, 1), dt.date(2024, 2, 1)),
            )
            for n in range(5)
        ]
        session.add_all([ann, club])
        session.commit()
        session.refresh(ann.books[0])
        book = ann.books[0]
        assert book.price == Decimal("9.90") and book.total == Decimal("19.80") and book.weight == 0.1 and book.published == when
        assert book.tags == ["a", 'b "c"', "ü"] and book.extra == {"n": 0, "list": [1, None, "x"]} and book.cover == bytes(range(256))
        assert book.reading == dt.timedelta(days=1, hours=2, microseconds=3) and book.opened == dt.time(8, 15)
        assert str(book.address) == "10.0.0.1" and book.valid == pg.Range(dt.date(2024, 1, 1), dt.date(2024, 2, 1))
        assert book.in_print is True and ann.created.tzinfo is not None and ann.mood is Mood.sad and ann.clubs == [club]

    with orm.Session(engine) as session:
        totals = sa.select(Author.name, sa.func.count(Book.id), sa.func.sum(Book.price)).join(Author.books).group_by(Author.name)
        assert session.execute(totals).all() == [("Ann", 5, Decimal("59.50"))]
        ranked = sa.select(Book.title, sa.func.rank().over(order_by=Book.price.desc())).order_by(Book.title)
        assert [rank for _, rank in session.execute(ranked)] == [5, 4, 3, 2, 1]
        loaded = session.scalars(sa.select(Author).options(orm.selectinload(Author.books), orm.joinedload(Author.clubs))).unique().one()
        assert len(loaded.books) == 5 and loaded.clubs[0].name == "Poets"
        assert session.scalars(sa.select(Book.title).where(Book.tags.contains(["a"]), Book.extra["n"].as_integer() > 3)).all() == ["Book 4"]
        assert session.scalar(sa.select(sa.func.count()).select_from(Book).where(Book.title.ilike("book %"), Book.pages.in_([1, 2]))) == 2
        upsert = pg.insert(Club).values(name="Poets").on_conflict_do_nothing().returning(Club.id)
        assert session.execute(upsert).all() == []
        changed = sa.update(Book).where(Book.pages > 2).values(pages=Book.pages * 10).returning(Book.pages)
        assert sorted(session.scalars(changed)) == [30, 40]
        nested = session.begin_nested()
        try:
            session.execute(sa.insert(Club).values(name="Poets"))
            raise AssertionError("a duplicate was taken")
        except sa.exc.IntegrityError as error:
            assert error.orig.sqlstate == "23505" and error.orig.diag.constraint_name == "uq_club_name", error
            nested.rollback()
        bulk = [{"name": f"Author {n}", "email": f"{n}@example.org"} for n in range(1000)]
        ids = session.scalars(sa.insert(Author).returning(Author.id, sort_by_parameter_order=True), bulk).all()
        assert len(ids) == 1000 and ids == sorted(ids)
        session.commit()
        session.delete(loaded)
        session.commit()
        assert session.scalar(sa.select(sa.func.count()).select_from(Book)) == 0
        stream = session.execute(sa.select(Author.id).order_by(Author.id), execution_options={"yield_per": 100})
        assert sum(1 for _ in stream) == 1000
    reflected = sa.MetaData()
    reflected.reflect(engine)
    assert set(reflected.tables) == set(base.metadata.tables) | {"alembic_version"}
    assert [c.name for c in reflected.tables["book"].columns] == [c.name for c in base.metadata.tables["book"].columns]
    engine.dispose()


async def asynchronous(url):
    base, Author, Book, Club = first_models()
    engine = create_async_engine(url.replace("postgresql+psycopg:", "postgresql+asyncpg:"))
    async with AsyncSession(engine, expire_on_commit=False) as session:
        author = Author(name="Bob", books=[Book(title="Async", price=Decimal("1.50"), tags=["x"], extra={"a": 1}, valid=None)])
        session.add(author)
        await session.commit()
        found = (await session.scalars(sa.select(Book).options(orm.joinedload(Book.author)).where(Book.title == "Async"))).one()
        assert found.price == Decimal("1.50") and found.author.name == "Bob" and found.extra == {"a": 1}
        rows = await session.stream(sa.select(sa.func.generate_series(1, 500)))
        assert sum([row[0] async for row in rows]) == 125250
    async with engine.connect() as connection:
        names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        assert "book" in names
    await engine.dispose()


with own_database(sys.argv[1], "client_sqlalchemy") as own:
    own = own.replace("postgres://", "postgresql://").replace("postgresql://", "postgresql+psycopg://")
    migrations(own)
    crud(own)
    asyncio.run(asynchronous(own))
print("ok")
