"""The owner is in every query: what a user asks for is read through ``imagineai_api.ownership``."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWNED = {
    "Product",
    "ProductImage",
    "Analysis",
    "Job",
    "Webhook",
    "WebhookDelivery",
    "Import",
    "ImportRow",
    "Tally",
}
BUILDERS = {"select", "insert", "update", "delete", "exists"}
IN_SQL = re.compile(
    r"(?i)\b(?:from|join|into|update)\s+(?:products|product_images|analyses|jobs|webhooks|webhook_deliveries|imports|import_rows|tallies)\b"
)
BY_THEMSELVES = {
    "It writes a row that is new": [
        "analysis/service.py: EXPECT",
        "imports/service.py: _create",
        "products/service.py: create",
        "uploads/images.py: INSERT_IMAGE",
        "webhooks/service.py: create",
    ],
    "It changes what is the owner's, and says so in its own condition": [
        "products/service.py: change",
        "webhooks/service.py: change",
        "webhooks/service.py: remove",
        "webhooks/service.py: rotate_secret",
    ],
    "It goes by an id that its caller has from ownership": [
        "analysis/service.py: retry",
        "imports/service.py: _queue",
        "imports/service.py: cancel",
        "imports/service.py: remove_source",
        "jobs/retrying.py: _retriable",
        "jobs/retrying.py: retry",
        "jobs/service.py: are_open",
        "jobs/service.py: cancel_for_product",
        "jobs/service.py: counts",
        "jobs/service.py: events_since",
        "jobs/service.py: START",
        "products/service.py: _delete_idle",
        "products/service.py: _with_images",
        "uploads/presigned.py: _accept",
        "uploads/presigned.py: _refuse",
        "webhooks/announcing.py: announce",
        "webhooks/service.py: ping",
    ],
    "It ends a job whose row its caller holds": [
        "jobs/endings.py: END",
        "jobs/endings.py: _last_events",
        "jobs/endings.py: cancel",
        "jobs/endings.py: return_products",
    ],
    "It works for everybody: no user asks": [
        "analysis/service.py: DESCRIBE",
        "analysis/service.py: WRITE",
        "dispatcher/batches.py: BatchKeeper",
        "dispatcher/batches.py: UNATTENDED_BATCHES",
        "dispatcher/imports.py: ImportKeeper",
        "dispatcher/imports.py: UNATTENDED_IMPORTS",
        "housekeeping/imports.py: _drop_files",
        "housekeeping/imports.py: _remove_imports",
        "housekeeping/imports.py: _remove_rows",
        "housekeeping/orphans.py: _without_row",
        "housekeeping/runs.py: _needed",
        "housekeeping/shifts.py: remove",
        "housekeeping/unconfirmed.py: _lapsed",
        "housekeeping/unconfirmed.py: _name_primaries",
        "housekeeping/unconfirmed.py: _remove_batch",
        "imports/progress.py: Ledger",
        "imports/progress.py: begin",
        "imports/progress.py: is_open",
        "jobs/backlog.py: Backlog",
        "jobs/claims.py: CLAIM",
        "jobs/claims.py: EXHAUSTED",
        "jobs/progress.py: JOBS",
        "jobs/progress.py: LOCK",
        "jobs/progress.py: READ",
        "jobs/progress.py: _begin_and_fail_analyses",
        "live/lookout.py: Lookout",
        "pictures/making.py: Maker",
        "webhooks/queue.py: CLAIM",
        "webhooks/queue.py: _blame",
        "webhooks/queue.py: _praise",
        "webhooks/queue.py: settle",
    ],
}


def findings():
    """Each function that builds a statement on an owned table by itself, as ``path: function``."""
    for path in sorted(ROOT.glob("imagineai_api/**/*.py")):
        if "migrations" not in path.parts and path.name not in {"ownership.py", "tables.py"}:
            tree = ast.parse(path.read_text())
            for node in tree.body:
                if builds_a_statement(node, names_of(tree)):
                    yield f"{path.relative_to(ROOT / 'imagineai_api')}: {name_of(node)}"


def names_of(tree):
    """What the imported names of a module mean, whatever they are called there."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name: alias.name for node in imports for alias in node.names}


def builds_a_statement(node, names):
    text = [
        one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    ]
    return any(map(IN_SQL.search, text)) or any(
        is_builder(call, names) and mentioned(chain, names) & OWNED for call, chain in chains(node)
    )


def chains(node):
    """Each call, with the whole chain of method calls that begins with it: ``select(a).where(b)``."""
    parents = {child: parent for parent in ast.walk(node) for child in ast.iter_child_nodes(parent)}
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            chain = call
            while isinstance(parents.get(chain), ast.Attribute) or is_called(parents.get(chain), chain):
                chain = parents[chain]
            yield call, chain


def is_called(parent, child):
    return isinstance(parent, ast.Call) and parent.func is child


def is_builder(call, names):
    """``select(...)``, ``sa.select(...)`` or ``Product.__table__.select()``."""
    if isinstance(call.func, ast.Name):
        return names.get(call.func.id) in BUILDERS
    return isinstance(call.func, ast.Attribute) and call.func.attr in BUILDERS


def mentioned(node, names):
    found = [one for one in ast.walk(node) if isinstance(one, ast.Name | ast.Attribute)]
    return {names.get(one.id) if isinstance(one, ast.Name) else one.attr for one in found}


def name_of(node):
    return getattr(node, "name", None) or ast.unparse(node.targets[0])


def test_whatever_does_not_go_through_ownership_has_a_reason():
    assert sorted(findings()) == sorted(one for reason in BY_THEMSELVES.values() for one in reason)


@pytest.mark.parametrize(
    "source",
    [
        "from imagineai_api.tables import Product as P\ndef f():\n    return select(P.id)",
        "from sqlalchemy import delete as gone\ndef f():\n    gone(Job).where(Job.id == 1)",
        "import sqlalchemy as sa\nfrom imagineai_api import tables\ndef f():\n    sa.update(tables.Analysis)",
        "def f():\n    return ProductImage.__table__.select()",
        "def f():\n    return select(func.count()).where(Job.status == 'queued')",
        "SQL = text('SELECT id FROM products')",
    ],
)
def test_other_names_for_the_same_do_not_hide_a_statement(source):
    tree = ast.parse(
        f"from sqlalchemy import select\nfrom imagineai_api.tables import Job, ProductImage\n{source}"
    )
    assert builds_a_statement(tree.body[-1], names_of(tree))


def test_a_statement_from_ownership_is_no_finding():
    tree = ast.parse("def f():\n    return ownership.jobs(user_id, Job.id).where(Job.id == job_id)")
    assert not builds_a_statement(tree.body[-1], names_of(tree))
