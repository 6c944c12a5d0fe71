"""The address of a MongoDB server, and what of it may be shown to a person."""

from __future__ import annotations

_SCHEMES = ("mongodb://", "mongodb+srv://")


def scheme_of(uri: object) -> str | None:
    """The scheme of a MongoDB address, None for anything else."""
    if not isinstance(uri, str):
        return None
    return next((scheme for scheme in _SCHEMES if uri.startswith(scheme)), None)


def shown(uri: object) -> str:
    """Scheme, hosts and database, never a user, a password or options, which may have passwords too.

    Of what has no such scheme nothing is shown: where its password begins nobody can tell.
    """
    scheme = scheme_of(uri)
    if scheme is None:
        return "an address that is not MongoDB's"
    user, _, hosts = str(uri).removeprefix(scheme).rpartition("@")
    # An @ may stand in a password as well as among the options.
    return f"{scheme}..." if "?" in user else f"{scheme}{hosts.partition('?')[0]}"
