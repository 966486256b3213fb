"""A database of a program's own, so that what it reads back of the schema is what it made, and nothing else."""

import contextlib
from urllib.parse import urlsplit, urlunsplit

import psycopg


@contextlib.contextmanager
def own_database(url, name):
    """Makes the database, yields its connection string, and drops it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)')
        connection.execute(f'create database "{name}"')
    yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)')
