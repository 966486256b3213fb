"""Django as an application uses it: models with relations and the fields of contrib.postgres, migrations made, applied, altered and rolled back,
`makemigrations --check` and `inspectdb` without a difference. Takes a connection string; ends with a failed assertion or `ok`."""

import datetime as dt
import importlib
import io
import os
import sys
import tempfile
import uuid
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings
from django.core.management import call_command

from database import own_database

FIRST = '''
import uuid
from django.contrib.postgres.fields import ArrayField, DateRangeField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower


class Author(models.Model):
    name = models.CharField(max_length=60, db_index=True)
    email = models.EmailField(unique=True, null=True)
    born = models.DateField(null=True)
    created = models.DateTimeField(auto_now_add=True)


class Club(models.Model):
    id = models.BigAutoField(primary_key=True)
    name = models.TextField(unique=True)
    members = models.ManyToManyField(Author, related_name="clubs")


class Book(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    title = models.CharField(max_length=200)
    slug = models.SlugField()
    price = models.DecimalField(max_digits=10, decimal_places=2)
    weight = models.FloatField(null=True)
    pages = models.PositiveSmallIntegerField(default=1)
    in_print = models.BooleanField(default=True)
    opened = models.TimeField(null=True)
    published = models.DateTimeField(null=True)
    reading = models.DurationField(null=True)
    tags = ArrayField(models.CharField(max_length=20), default=list)
    extra = models.JSONField(default=dict)
    cover = models.BinaryField(null=True)
    address = models.GenericIPAddressField(null=True)
    valid = DateRangeField(null=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")

    class Meta:
        ordering = ["title"]
        constraints = [
            models.CheckConstraint(condition=models.Q(price__gte=0), name="price_is_positive"),
            models.UniqueConstraint(fields=["author", "title"], name="title_of_author"),
            models.UniqueConstraint(fields=["slug"], condition=models.Q(in_print=True), name="slug_in_print"),
        ]
        indexes = [GinIndex(fields=["tags"], name="book_tags"), models.Index(Lower("title"), name="book_lower_title")]
'''

SECOND = FIRST.replace("max_length=200", "max_length=300").replace(
    "    opened = models.TimeField(null=True)\n", '    rating = models.IntegerField(default=3, db_default=3)\n'
).replace("pages = models.PositiveSmallIntegerField(default=1)", "page_count = models.IntegerField(null=True)").replace(
    'GinIndex(fields=["tags"], name="book_tags"), ', 'models.Index(fields=["-published", "title"], name="book_published"), '
).replace(
    '            models.UniqueConstraint(fields=["author", "title"], name="title_of_author"),\n', ""
) + '''

class Review(models.Model):
    book = models.ForeignKey(Book, on_delete=models.PROTECT)
    stars = models.SmallIntegerField()
    doubled = models.GeneratedField(expression=models.F("stars") * 2, output_field=models.IntegerField(), db_persist=True)
    words = models.TextField(db_comment="what they say", default="")

    class Meta:
        db_table_comment = "what readers write"
        unique_together = [("book", "stars")]
'''


def configure(url, home):
    parts = urlsplit(url)
    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.path.lstrip("/"),
                "USER": unquote(parts.username or ""),
                "PASSWORD": unquote(parts.password or ""),
                "HOST": parts.hostname,
                "PORT": parts.port,
            }
        },
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.postgres", "library"],
        SECRET_KEY="no secret",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    sys.path.insert(0, home)


def write_models(home, text):
    package = Path(home) / "library"
    (package / "migrations").mkdir(parents=True, exist_ok=True)
    for file in [package / "__init__.py", package / "migrations" / "__init__.py"]:
        file.touch()
    (package / "models.py").write_text(text)


def manage(*arguments):
    """A command of manage.py in a process of its own, since a process loads an application's models once; answers what it prints."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        code = 1
        try:
            out = io.StringIO()
            django.setup()
            call_command(*arguments, stdout=out, **({"interactive": False} if arguments[0] in ("makemigrations", "migrate") else {}))
            os.write(write, out.getvalue().encode())
            code = 0
        finally:
            os.close(write)
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as pipe:
        printed = pipe.read()
    assert os.waitpid(child, 0)[1] == 0, f"{arguments} failed"
    return printed


def migrations(home):
    for number, text in enumerate([FIRST, SECOND]):
        write_models(home, text)
        importlib.invalidate_caches()
        manage("makemigrations", "library", "--name", f"step{number}")
        manage("migrate")
        manage("makemigrations", "--check", "--dry-run")
    assert "library_review" in manage("inspectdb")
    manage("migrate", "library", "0001")
    models = manage("inspectdb")
    assert "class LibraryReview" not in models and "class LibraryBook" in models
    manage("migrate", "library", "zero")
    assert "class LibraryBook" not in manage("inspectdb")
    manage("migrate")
    book = manage("inspectdb", "library_book")
    for line in [
        "id = models.UUIDField(primary_key=True)",
        "title = models.CharField(max_length=300)",
        "price = models.DecimalField(max_digits=10, decimal_places=2)",
        "author = models.ForeignKey('LibraryAuthor', models.DO_NOTHING)",
        "reading = models.DurationField(blank=True, null=True)",
        "extra = models.JSONField()",
        "rating = models.IntegerField()",
    ]:
        assert line in book, f"{line} is missing in\n{book}"


def crud():
    django.setup()
    from django.contrib.auth.models import User
    from django.db import IntegrityError, connection, models, transaction
    from django.db.models import Avg, Count, Exists, F, OuterRef, Q, Sum, Window
    from django.db.models.functions import Rank, TruncMonth, Upper
    from library.models import Author, Book, Club, Review

    ann = Author.objects.create(name="Ann", email="ann@example.org", born=dt.date(1970, 1, 2))
    when = dt.datetime(2024, 2, 29, 12, 30, 0, 5, tzinfo=dt.timezone.utc)
    books = Book.objects.bulk_create(
        Book(
            title=f"Book {n}",
            slug=f"book-{n}",
            price=Decimal("9.90") + n,
            weight=0.1,
            page_count=n,
            published=when + dt.timedelta(days=20 * n),
            reading=dt.timedelta(days=1, hours=2, microseconds=3),
            tags=["a", 'b "c"', "ü"],
            extra={"n": n, "list": [1, None, "x"]},
            cover=bytes(range(256)),
            address="10.0.0.1",
            valid=(dt.date(2024, 1, 1), dt.date(2024, 2, 1)),
            author=ann,
        )
        for n in range(5)
    )
    book = Book.objects.get(pk=books[0].pk)
    assert book.price == Decimal("9.90") and book.weight == 0.1 and book.published == when and book.rating == 3
    assert book.tags == ["a", 'b "c"', "ü"] and book.extra == {"n": 0, "list": [1, None, "x"]} and bytes(book.cover) == bytes(range(256))
    assert book.reading == dt.timedelta(days=1, hours=2, microseconds=3) and book.address == "10.0.0.1"
    assert book.valid.lower == dt.date(2024, 1, 1) and book.valid.upper == dt.date(2024, 2, 1) and isinstance(book.pk, uuid.UUID)

    club = Club.objects.create(name="Poets")
    club.members.add(ann)
    assert list(Author.objects.filter(clubs__name="Poets").values_list("name", flat=True)) == ["Ann"]
    totals = Author.objects.annotate(count=Count("books"), total=Sum("books__price"), mean=Avg("books__price")).get()
    assert (totals.count, totals.total, totals.mean) == (5, Decimal("59.50"), Decimal("11.9"))
    ranked = Book.objects.annotate(rank=Window(Rank(), order_by=F("price").desc())).values_list("rank", flat=True)
    assert list(ranked) == [5, 4, 3, 2, 1]
    months = Book.objects.annotate(month=TruncMonth("published")).order_by("month").values("month").annotate(n=Count("*"))
    assert [row["n"] for row in months] == [1, 1, 2, 1], list(months)
    assert Book.objects.filter(Q(title__icontains="OOK") & ~Q(page_count=2), tags__contains=["a"], extra__n__gt=2).count() == 2
    assert Book.objects.filter(extra__list__0=1, valid__contains=dt.date(2024, 1, 15), tags__overlap=["ü", "z"]).count() == 5
    assert Author.objects.filter(Exists(Book.objects.filter(author=OuterRef("pk"), price__gt=13))).exists()
    assert Book.objects.filter(page_count__gte=3).update(page_count=F("page_count") * 10) == 2
    assert Book.objects.annotate(upper=Upper("title")).filter(upper="BOOK 3").get().page_count == 30
    assert Book.objects.filter(published__year=2024, published__date__lt=dt.date(2024, 4, 1)).count() == 2
    assert len(Book.objects.select_related("author").prefetch_related("author__clubs")[:3]) == 3

    review = Review.objects.create(book=book, stars=4)
    review.refresh_from_db()
    assert review.doubled == 8
    try:
        with transaction.atomic():
            Review.objects.create(book=book, stars=4)
        raise AssertionError("a duplicate was taken")
    except IntegrityError as error:
        assert error.__cause__.sqlstate == "23505"
    try:
        with transaction.atomic():
            Book.objects.create(title="x", slug="x", price=-1, author=ann)
        raise AssertionError("a negative price was taken")
    except IntegrityError as error:
        assert error.__cause__.diag.constraint_name == "price_is_positive"
    try:
        book.delete()
        raise AssertionError("a protected row went")
    except models.ProtectedError:
        pass
    with transaction.atomic():
        locked = Book.objects.select_for_update().get(pk=book.pk)
        locked.title = "Locked"
        locked.save()
    created = Author.objects.update_or_create(email="ann@example.org", defaults={"name": "Ann B."})
    assert created[1] is False and Author.objects.get().name == "Ann B."
    Author.objects.bulk_create([Author(name="Ann C.", email="ann@example.org")], update_conflicts=True, unique_fields=["email"], update_fields=["name"])
    assert Author.objects.get().name == "Ann C."
    assert sum(1 for _ in Book.objects.iterator(chunk_size=2)) == 5
    User.objects.create_user("user", password="secret")
    assert User.objects.get(username="user").check_password("secret")
    Review.objects.all().delete()
    assert ann.delete()[0] == 7
    call_command("flush", interactive=False, verbosity=0)
    assert User.objects.count() == 0 and Author.objects.create(name="first").pk == 1
    connection.close()


with own_database(sys.argv[1], "client_django") as own, tempfile.TemporaryDirectory() as home:
    configure(own, home)
    migrations(home)
    crud()
print("ok")
