"""The first schema: every table of the account store.

Revision 0001.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

from accounts import dialect
from accounts.instants import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CALL_ID: Final = sa.String(length=32).with_variant(sa.String(length=32, collation="C"), "postgresql")
_APPEND_ONLY: Final = ("decisions", "attempts", "attempt_outcomes", "events", "contacts", "dispositions")


def upgrade() -> None:
    """Make the tables in the order of their references, then close the append-only ones to changes."""
    _agents()
    _attempt_outcomes()
    _clients()
    _decisions()
    _dispositions()
    _events()
    _meta()
    _numbers()
    _open_attempts()
    _owned_numbers()
    _recordings()
    _agent_intervals()
    _campaigns()
    _owned_number_days()
    _persons()
    _addresses()
    _debts()
    _lists()
    _phones()
    _preferences()
    _stated_locations()
    _consents()
    _contacts()
    _imports()
    _list_entries()
    _promises()
    _suppressions()
    _attempts()
    _callbacks()
    _import_rows()
    for table in _APPEND_ONLY:
        dialect.refuse_changes(op.get_bind(), table)


def _agents() -> None:
    op.create_table(
        "agents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("skills", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
    )


def _attempt_outcomes() -> None:
    op.create_table(
        "attempt_outcomes",
        sa.Column("attempt_id", _CALL_ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("cause", sa.Integer(), nullable=True),
        sa.Column("sip_status", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.String(length=12), nullable=True),
        sa.Column("verdict_cause", sa.String(length=60), nullable=True),
        sa.Column("rang_at", Instant(), nullable=True),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.Column("treated_at", Instant(), nullable=True),
        sa.Column("joined_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("agent_id", sa.String(length=64), nullable=True),
        sa.Column("message_left", sa.Boolean(), nullable=False),
        sa.Column("bridged_s", sa.Float(), nullable=True),
        sa.Column("announced", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("attempt_id", "seq", name=op.f("pk_attempt_outcomes")),
        postgresql_partition_by="RANGE (attempt_id)",
    )
    op.create_index(
        "ix_attempt_outcomes_joined",
        "attempt_outcomes",
        ["joined_at"],
        unique=False,
        sqlite_where=sa.text("joined_at IS NOT NULL"),
        postgresql_where=sa.text("joined_at IS NOT NULL"),
    )


def _clients() -> None:
    op.create_table(
        "clients",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clients")),
        sa.UniqueConstraint("name", name=op.f("uq_clients_name")),
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", _CALL_ID, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=5), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("retry_at", Instant(), nullable=True),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("policy", sa.String(length=60), nullable=False),
        sa.Column("policy_hash", sa.String(length=64), nullable=False),
        sa.Column("tzdata", sa.String(length=20), nullable=False),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("ix_decisions_entry", "decisions", ["entry_id", "at"], unique=False)


def _dispositions() -> None:
    op.create_table(
        "dispositions",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("attempt_id", _CALL_ID, nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=True),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispositions")),
    )
    op.create_index(op.f("ix_dispositions_attempt_id"), "dispositions", ["attempt_id"], unique=False)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", _CALL_ID, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("attempt_id", _CALL_ID, nullable=True),
        sa.Column("agent_id", sa.String(length=64), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index(op.f("ix_events_attempt_id"), "events", ["attempt_id"], unique=False)


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )


def _numbers() -> None:
    op.create_table(
        "numbers",
        sa.Column("e164", sa.String(length=16), nullable=False),
        sa.Column("line_type", sa.String(length=12), nullable=False),
        sa.Column("exchange_zip", sa.String(length=12), nullable=True),
        sa.Column("ported_at", sa.Date(), nullable=True),
        sa.Column("sit_at", Instant(), nullable=True),
        sa.Column("rnd", sa.String(length=8), nullable=True),
        sa.Column("rnd_checked_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("e164", name=op.f("pk_numbers")),
    )


def _open_attempts() -> None:
    op.create_table(
        "open_attempts",
        sa.Column("attempt_id", _CALL_ID, nullable=False),
        sa.Column("engine", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_open_attempts")),
    )


def _owned_numbers() -> None:
    op.create_table(
        "owned_numbers",
        sa.Column("e164", sa.String(length=16), nullable=False),
        sa.Column("daily_cap", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("e164", name=op.f("pk_owned_numbers")),
    )


def _recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("attempt_id", _CALL_ID, nullable=False),
        sa.Column("id", _CALL_ID, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("object_key", sa.String(length=300), nullable=True),
        sa.Column("listening_key", sa.String(length=300), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("announced", sa.Boolean(), nullable=True),
        sa.Column("bridged_s", sa.Float(), nullable=True),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("level_dbfs", sa.JSON(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_recordings")),
        sa.UniqueConstraint("id", name=op.f("uq_recordings_id")),
    )


def _agent_intervals() -> None:
    op.create_table(
        "agent_intervals",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("attempt_id", _CALL_ID, nullable=True),
        sa.Column("began_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_intervals_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_intervals")),
    )
    op.create_index("ix_agent_intervals_agent", "agent_intervals", ["agent_id", "began_at"], unique=False)


def _campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("client_id", _KEY, nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("leased_by", sa.String(length=64), nullable=True),
        sa.Column("leased_until", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_campaigns_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("name", name=op.f("uq_campaigns_name")),
    )


def _owned_number_days() -> None:
    op.create_table(
        "owned_number_days",
        sa.Column("e164", sa.String(length=16), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["e164"], ["owned_numbers.e164"], name=op.f("fk_owned_number_days_e164")),
        sa.PrimaryKeyConstraint("e164", "day", name=op.f("pk_owned_number_days")),
    )


def _persons() -> None:
    op.create_table(
        "persons",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("client_id", _KEY, nullable=False),
        sa.Column("key", sa.String(length=400), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=True),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("told_by", sa.String(length=200), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_persons_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persons")),
        sa.UniqueConstraint("client_id", "key", name=op.f("uq_persons_client_id_key")),
    )


def _addresses() -> None:
    op.create_table(
        "addresses",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("person_id", _KEY, nullable=False),
        sa.Column("zip", sa.String(length=12), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=True),
        sa.Column("city", sa.String(length=100), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("tz", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_addresses_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addresses")),
    )
    op.create_index(op.f("ix_addresses_person_id"), "addresses", ["person_id"], unique=False)


def _debts() -> None:
    op.create_table(
        "debts",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("client_id", _KEY, nullable=False),
        sa.Column("person_id", _KEY, nullable=False),
        sa.Column("account", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("balance_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_debts_client_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_debts_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_debts")),
        sa.UniqueConstraint("client_id", "account", name=op.f("uq_debts_client_id_account")),
    )
    op.create_index(op.f("ix_debts_person_id"), "debts", ["person_id"], unique=False)


def _lists() -> None:
    op.create_table(
        "lists",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("campaign_id", _KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_lists_campaign_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lists")),
        sa.UniqueConstraint("campaign_id", "name", name=op.f("uq_lists_campaign_id_name")),
    )
    op.create_index(op.f("ix_lists_campaign_id"), "lists", ["campaign_id"], unique=False)


def _phones() -> None:
    op.create_table(
        "phones",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("person_id", _KEY, nullable=False),
        sa.Column("e164", sa.String(length=16), nullable=False),
        sa.Column("use", sa.String(length=8), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("unusable", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["e164"], ["numbers.e164"], name=op.f("fk_phones_e164")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_phones_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phones")),
        sa.UniqueConstraint("person_id", "e164", name=op.f("uq_phones_person_id_e164")),
    )
    op.create_index(op.f("ix_phones_e164"), "phones", ["e164"], unique=False)


def _preferences() -> None:
    op.create_table(
        "preferences",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("person_id", _KEY, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("weekdays", sa.JSON(), nullable=True),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("medium", sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_preferences_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preferences")),
    )
    op.create_index(op.f("ix_preferences_person_id"), "preferences", ["person_id"], unique=False)


def _stated_locations() -> None:
    op.create_table(
        "stated_locations",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("person_id", _KEY, nullable=False),
        sa.Column("zip", sa.String(length=12), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=True),
        sa.Column("tz", sa.String(length=64), nullable=True),
        sa.Column("until", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_stated_locations_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stated_locations")),
    )
    op.create_index(op.f("ix_stated_locations_person_id"), "stated_locations", ["person_id"], unique=False)


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("person_id", _KEY, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("given_to", sa.String(length=10), nullable=False),
        sa.Column("given_at", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("number", sa.String(length=16), nullable=True),
        sa.Column("debt_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(["debt_id"], ["debts.id"], name=op.f("fk_consents_debt_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_consents_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_person_id"), "consents", ["person_id"], unique=False)


def _contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("result", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=True),
        sa.Column("person_id", _KEY, nullable=True),
        sa.Column("debt_id", _KEY, nullable=True),
        sa.Column("campaign_id", _KEY, nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_contacts_campaign_id")),
        sa.ForeignKeyConstraint(["debt_id"], ["debts.id"], name=op.f("fk_contacts_debt_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_contacts_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_index("ix_contacts_number", "contacts", ["number", "at"], unique=False)
    op.create_index("ix_contacts_person", "contacts", ["person_id", "at"], unique=False)


def _imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("client_id", _KEY, nullable=False),
        sa.Column("file_name", sa.String(length=300), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("campaign_id", _KEY, nullable=True),
        sa.Column("list_id", _KEY, nullable=True),
        sa.Column("began_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_imports_campaign_id")),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_imports_client_id")),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_imports_list_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )


def _list_entries() -> None:
    op.create_table(
        "list_entries",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("campaign_id", _KEY, nullable=False),
        sa.Column("list_id", _KEY, nullable=False),
        sa.Column("debt_id", _KEY, nullable=False),
        sa.Column("person_id", _KEY, nullable=False),
        sa.Column("phone_id", _KEY, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reserved_agent_only", sa.Boolean(), nullable=False),
        sa.Column("blocked_phones", sa.Integer(), nullable=False),
        sa.Column("last_block", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_list_entries_campaign_id")),
        sa.ForeignKeyConstraint(["debt_id"], ["debts.id"], name=op.f("fk_list_entries_debt_id")),
        sa.ForeignKeyConstraint(["list_id"], ["lists.id"], name=op.f("fk_list_entries_list_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_list_entries_person_id")),
        sa.ForeignKeyConstraint(["phone_id"], ["phones.id"], name=op.f("fk_list_entries_phone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_entries")),
        sa.UniqueConstraint("debt_id", "campaign_id", name=op.f("uq_list_entries_debt_id_campaign_id")),
    )
    op.create_index(op.f("ix_list_entries_list_id"), "list_entries", ["list_id"], unique=False)
    op.create_index(op.f("ix_list_entries_person_id"), "list_entries", ["person_id"], unique=False)
    op.create_index(
        "ix_list_entries_ready",
        "list_entries",
        ["campaign_id", sa.literal_column("priority DESC"), "id"],
        unique=False,
        sqlite_where=sa.text("state = 'ready'"),
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index(
        "ix_list_entries_timed",
        "list_entries",
        ["campaign_id", "due_at", sa.literal_column("priority DESC")],
        unique=False,
        sqlite_where=sa.text("state IN ('waiting', 'claimed')"),
        postgresql_where=sa.text("state IN ('waiting', 'claimed')"),
    )


def _promises() -> None:
    op.create_table(
        "promises",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("debt_id", _KEY, nullable=False),
        sa.Column("attempt_id", _CALL_ID, nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["debt_id"], ["debts.id"], name=op.f("fk_promises_debt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promises")),
    )
    op.create_index(op.f("ix_promises_debt_id"), "promises", ["debt_id"], unique=False)


def _suppressions() -> None:
    op.create_table(
        "suppressions",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=True),
        sa.Column("person_id", _KEY, nullable=True),
        sa.Column("debt_id", _KEY, nullable=True),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=True),
        sa.Column("scope", sa.String(length=20), nullable=True),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["debt_id"], ["debts.id"], name=op.f("fk_suppressions_debt_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_suppressions_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
    )
    op.create_index(
        "ix_suppressions_debt", "suppressions", ["debt_id"], unique=False, sqlite_where=sa.text("debt_id IS NOT NULL")
    )
    op.create_index(
        "ix_suppressions_number", "suppressions", ["number"], unique=False, sqlite_where=sa.text("number IS NOT NULL")
    )
    op.create_index(
        "ix_suppressions_person",
        "suppressions",
        ["person_id"],
        unique=False,
        sqlite_where=sa.text("person_id IS NOT NULL"),
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", _CALL_ID, nullable=False),
        sa.Column("campaign_id", _KEY, nullable=False),
        sa.Column("entry_id", _KEY, nullable=False),
        sa.Column("person_id", _KEY, nullable=False),
        sa.Column("debt_id", _KEY, nullable=False),
        sa.Column("phone_id", _KEY, nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("mode", sa.String(length=12), nullable=False),
        sa.Column("trunk", sa.String(length=60), nullable=False),
        sa.Column("caller_id", sa.String(length=16), nullable=False),
        sa.Column("engine", sa.String(length=64), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=True),
        sa.Column("subject", sa.String(length=60), nullable=True),
        sa.Column("reserved_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name=op.f("fk_attempts_campaign_id")),
        sa.ForeignKeyConstraint(["debt_id"], ["debts.id"], name=op.f("fk_attempts_debt_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["list_entries.id"], name=op.f("fk_attempts_entry_id")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_attempts_person_id")),
        sa.ForeignKeyConstraint(["phone_id"], ["phones.id"], name=op.f("fk_attempts_phone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("ix_attempts_campaign", "attempts", ["campaign_id", "reserved_at"], unique=False)
    op.create_index(op.f("ix_attempts_entry_id"), "attempts", ["entry_id"], unique=False)
    op.create_index("ix_attempts_number", "attempts", ["number", "reserved_at"], unique=False)
    op.create_index("ix_attempts_person", "attempts", ["person_id", "reserved_at"], unique=False)


def _callbacks() -> None:
    op.create_table(
        "callbacks",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("entry_id", _KEY, nullable=False),
        sa.Column("attempt_id", _CALL_ID, nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=True),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["list_entries.id"], name=op.f("fk_callbacks_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callbacks")),
    )
    op.create_index(op.f("ix_callbacks_entry_id"), "callbacks", ["entry_id"], unique=False)


def _import_rows() -> None:
    op.create_table(
        "import_rows",
        sa.Column("import_id", _KEY, autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=200), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("row", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name=op.f("fk_import_rows_import_id")),
        sa.PrimaryKeyConstraint("import_id", "line", name=op.f("pk_import_rows")),
    )
    op.create_index("ix_import_rows_account", "import_rows", ["import_id", "account"], unique=False)
