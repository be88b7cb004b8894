"""``python -m imagineai_api.roles EMAIL [admin|user]``: give an account a role, or tell which it has.

Nobody becomes an admin over the API: this needs the database's address.
"""

import argparse
import sys
from collections.abc import Sequence

import psycopg

from imagineai_api.errors import DatabaseAway, ImagineAIError, NotFound
from imagineai_api.settings import Settings, read_settings
from imagineai_api.tables import ADMIN, ROLES

FIND = "SELECT id, role FROM users WHERE lower(email) = lower(%s)"
CHANGE = "UPDATE users SET role = %s WHERE id = %s"
SIGN_OUT = "DELETE FROM operator_sessions WHERE user_id = %s"
CONNECT_S = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; a failure is a sentence on the error output and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m imagineai_api.roles", description=__doc__)
    parser.add_argument("email")
    parser.add_argument("role", nargs="?", choices=ROLES, help="the role to give; none: tell the present one")
    asked = parser.parse_args(arguments)
    try:
        role = of(read_settings(), asked.email, asked.role)
    except ImagineAIError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{asked.email} has the role {role}.\n")
    return 0


def of(settings: Settings, email: str, new: str | None = None) -> str:
    """Give an account's role, a new one where one is named; who is no admin any more is signed out.

    Raises:
        NotFound: There is no such account.
        DatabaseAway: PostgreSQL cannot be reached.
    """
    address = settings.database_url.replace("postgresql+psycopg:", "postgresql:", 1)
    try:
        with psycopg.connect(address, connect_timeout=CONNECT_S) as connection:
            found = connection.execute(FIND, [email]).fetchone()
            if found is None:
                raise NotFound(f"There is no account {email}.")
            user_id, role = found
            if new is not None:
                connection.execute(CHANGE, [new, user_id])
                if new != ADMIN:
                    connection.execute(SIGN_OUT, [user_id])
            return new or role
    except psycopg.OperationalError as error:
        raise DatabaseAway("DATABASE_URL: PostgreSQL cannot be reached.") from error


if __name__ == "__main__":
    sys.exit(main())
