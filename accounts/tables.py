"""The tables of the account store, the same on SQLite and PostgreSQL.

Who may be called about what: clients, persons, debts, numbers, phones, addresses, consents, suppressions, preferences.
What is to be done: campaigns, lists, list entries, callbacks. What was done, append-only: decisions, attempts, their
outcomes, contacts, dispositions, events. Triggers in the migrations refuse to change or remove the append-only rows.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from accounts.instants import Instant

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Key: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows itself only for INTEGER
_CallId: Final = String(32).with_variant(String(32, collation="C"), "postgresql")


def _row_id() -> Column[int]:
    return Column("id", _Key, primary_key=True, autoincrement=True)


def _reference(name: str, target: str, *, optional: bool = False, index: bool = False) -> Column[int]:
    return Column(name, _Key, ForeignKey(target), nullable=optional, index=index)


clients: Final = Table(
    "clients",
    metadata,
    _row_id(),
    Column("name", String(200), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
)

persons: Final = Table(
    "persons",
    metadata,
    _row_id(),
    _reference("client_id", "clients.id"),
    Column("key", String(400), nullable=False),  # the client's reference, or phone and last name where there is none
    Column("reference", String(200)),
    Column("name", String(300), nullable=False),
    Column("zone", String(64)),  # IANA; only for parts of the day, never for the law
    Column("told_by", String(200)),  # the account whose record decides about name and order of phones
    Column("last_purchase_at", Instant),  # with the client; for solicitation alone
    Column("last_inquiry_at", Instant),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("client_id", "key"),
)

debts: Final = Table(
    "debts",
    metadata,
    _row_id(),
    _reference("client_id", "clients.id"),
    _reference("person_id", "persons.id", index=True),
    Column("account", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("balance_cents", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(10), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("loan_account", String(200)),  # student loans serviced under one account number are one debt
    UniqueConstraint("client_id", "account"),
)

numbers: Final = Table(
    "numbers",
    metadata,
    Column("e164", String(16), primary_key=True),
    Column("line_type", String(12), nullable=False),
    Column("exchange_zip", String(12)),
    Column("ported_at", Date),
    Column("sit_at", Instant),
    Column("rnd", String(8)),
    Column("rnd_checked_at", Instant),
)

phones: Final = Table(
    "phones",
    metadata,
    _row_id(),
    _reference("person_id", "persons.id"),
    Column("e164", String(16), ForeignKey("numbers.e164"), nullable=False, index=True),
    Column("use", String(8), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("unusable", String(20)),  # the outcome that took it out of use
    UniqueConstraint("person_id", "e164"),
)

addresses: Final = Table(
    "addresses",
    metadata,
    _row_id(),
    _reference("person_id", "persons.id", index=True),
    Column("zip", String(12)),
    Column("state", String(8)),
    Column("city", String(100)),
    Column("country", String(2), nullable=False),
    Column("lat", Float),
    Column("lon", Float),
    Column("tz", String(64)),  # from coordinates, found once when the address is stored
)

stated_locations: Final = Table(
    "stated_locations",
    metadata,
    _row_id(),
    _reference("person_id", "persons.id", index=True),
    Column("zip", String(12)),
    Column("state", String(8)),
    Column("tz", String(64)),
    Column("until", Instant),
)

consents: Final = Table(
    "consents",
    metadata,
    _row_id(),
    _reference("person_id", "persons.id", index=True),
    Column("kind", String(20), nullable=False),
    Column("given_to", String(10), nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("until", Instant),
    Column("revoked_at", Instant),
    Column("number", String(16)),
    _reference("debt_id", "debts.id", optional=True),
)

suppressions: Final = Table(
    "suppressions",
    metadata,
    _row_id(),
    Column("kind", String(20), nullable=False),
    Column("number", String(16)),
    _reference("person_id", "persons.id", optional=True),
    _reference("debt_id", "debts.id", optional=True),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    Column("scope", String(20)),
    Column("source", String(60), nullable=False),
    Index("ix_suppressions_number", "number", sqlite_where=text("number IS NOT NULL")),
    Index("ix_suppressions_debt", "debt_id", sqlite_where=text("debt_id IS NOT NULL")),
    Index("ix_suppressions_person", "person_id", sqlite_where=text("person_id IS NOT NULL")),
)

preferences: Final = Table(
    "preferences",
    metadata,
    _row_id(),
    _reference("person_id", "persons.id", index=True),
    Column("kind", String(20), nullable=False),
    Column("weekdays", JSON),  # Monday is 0
    Column("start", Integer, nullable=False),  # minutes after midnight at the person's place
    Column("end", Integer, nullable=False),
    Column("medium", String(10)),
)

emergencies: Final = Table(
    "emergencies",
    metadata,
    _row_id(),
    Column("country", String(2), nullable=False),
    Column("state", String(8), nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("proof", String(300), nullable=False),
    Column("declared_by", String(100), nullable=False),
    Column("declared_at", Instant, nullable=False),
    Column("ended_by", String(100)),
    Column("ended_at", Instant),
)

owned_numbers: Final = Table(
    "owned_numbers",
    metadata,
    Column("e164", String(16), primary_key=True),
    Column("daily_cap", Integer, nullable=False),
    Column("zone", String(64), nullable=False),  # where its day begins and ends
    Column("enabled", Boolean, nullable=False),
)

owned_number_days: Final = Table(
    "owned_number_days",
    metadata,
    Column("e164", String(16), ForeignKey("owned_numbers.e164"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("used", Integer, nullable=False),
)

campaigns: Final = Table(
    "campaigns",
    metadata,
    _row_id(),
    Column("name", String(100), nullable=False, unique=True),
    Column("status", String(10), nullable=False),
    Column("settings", Text, nullable=False),
    _reference("client_id", "clients.id"),
    Column("fence", BigInteger, nullable=False),
    Column("leased_by", String(64)),
    Column("leased_until", Instant),
    Column("created_at", Instant, nullable=False),
)

lists: Final = Table(
    "lists",
    metadata,
    _row_id(),
    _reference("campaign_id", "campaigns.id", index=True),
    Column("name", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("campaign_id", "name"),
)

list_entries: Final = Table(
    "list_entries",
    metadata,
    _row_id(),
    _reference("campaign_id", "campaigns.id"),
    _reference("list_id", "lists.id", index=True),
    _reference("debt_id", "debts.id"),
    _reference("person_id", "persons.id", index=True),
    _reference("phone_id", "phones.id"),
    Column("state", String(10), nullable=False),
    Column("due_at", Instant, nullable=False),  # waiting: due; claimed: the lease ends
    Column("priority", Integer, nullable=False),
    Column("reason", String(40)),
    Column("claimed_by", String(64)),
    Column("attempts", Integer, nullable=False),
    Column("reserved_agent_only", Boolean, nullable=False),
    Column("blocked_phones", Integer, nullable=False),  # phones blocked for good in a row; all of them: parked
    Column("last_block", Text),  # fingerprint of the last block, so that the same one is not written again
    UniqueConstraint("debt_id", "campaign_id"),
)
_READY: Final = "state = 'ready'"
_TIMED: Final = "state IN ('waiting', 'claimed')"
Index(
    "ix_list_entries_ready",
    list_entries.c.campaign_id,
    list_entries.c.priority.desc(),
    list_entries.c.id,
    sqlite_where=text(_READY),
    postgresql_where=text(_READY),
)
Index(
    "ix_list_entries_timed",
    list_entries.c.campaign_id,
    list_entries.c.due_at,
    list_entries.c.priority.desc(),
    sqlite_where=text(_TIMED),
    postgresql_where=text(_TIMED),
)

decisions: Final = Table(
    "decisions",
    metadata,
    Column("id", _CallId, primary_key=True),  # of an allow: the attempt's
    Column("at", Instant, nullable=False),
    Column("entry_id", BigInteger, nullable=False),
    Column("outcome", String(5), nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("retry_at", Instant),
    Column("counted", Boolean, nullable=False),
    Column("flags", JSON, nullable=False),
    Column("policy", String(60), nullable=False),
    Column("policy_hash", String(64), nullable=False),
    Column("tzdata", String(20), nullable=False),
    Column("facts", Text),
    Index("ix_decisions_entry", "entry_id", "at"),
    postgresql_partition_by="RANGE (id)",
)

attempts: Final = Table(
    "attempts",
    metadata,
    Column("id", _CallId, primary_key=True),
    _reference("campaign_id", "campaigns.id"),
    _reference("entry_id", "list_entries.id", index=True),
    _reference("person_id", "persons.id"),
    _reference("debt_id", "debts.id"),
    _reference("phone_id", "phones.id"),
    Column("number", String(16), nullable=False),
    Column("mode", String(12), nullable=False),
    Column("trunk", String(60), nullable=False),
    Column("caller_id", String(16), nullable=False),
    Column("engine", String(64), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("agent_id", String(64)),
    Column("subject", String(60)),
    Column("reserved_at", Instant, nullable=False),
    Column("under_consent", Boolean, nullable=False, server_default=false()),  # it relied on a direct consent
    Index("ix_attempts_person", "person_id", "reserved_at"),
    Index("ix_attempts_number", "number", "reserved_at"),
    Index("ix_attempts_campaign", "campaign_id", "reserved_at"),
    postgresql_partition_by="RANGE (id)",
)

attempt_outcomes: Final = Table(
    "attempt_outcomes",
    metadata,
    Column("attempt_id", _CallId, primary_key=True),
    Column("seq", Integer, primary_key=True),  # the highest holds; a disposition adds one
    Column("at", Instant, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("cause", Integer),
    Column("sip_status", Integer),
    Column("verdict", String(12)),
    Column("verdict_cause", String(60)),
    Column("rang_at", Instant),
    Column("answered_at", Instant),
    Column("treated_at", Instant),
    Column("joined_at", Instant),
    Column("ended_at", Instant),
    Column("agent_id", String(64)),
    Column("message_left", Boolean, nullable=False),
    Column("bridged_s", Float),
    Column("announced", Boolean),
    Index(
        "ix_attempt_outcomes_joined",
        "joined_at",
        sqlite_where=text("joined_at IS NOT NULL"),
        postgresql_where=text("joined_at IS NOT NULL"),
    ),
    postgresql_partition_by="RANGE (attempt_id)",
)

open_attempts: Final = Table(  # those without an outcome yet; emptied as they end, read after a crash
    "open_attempts",
    metadata,
    Column("attempt_id", _CallId, primary_key=True),
    Column("engine", String(64), nullable=False),
)

contacts: Final = Table(  # what was not an attempt of ours: inbound calls, letters, the old dialer's history
    "contacts",
    metadata,
    _row_id(),
    Column("at", Instant, nullable=False),
    Column("direction", String(3), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("result", String(20), nullable=False),
    Column("number", String(16)),
    _reference("person_id", "persons.id", optional=True),
    _reference("debt_id", "debts.id", optional=True),
    _reference("campaign_id", "campaigns.id", optional=True),
    Column("voice", String(12)),  # null is live
    Column("message_left", Boolean, nullable=False, server_default=false()),  # a recorded one, on an abandoned call
    Column("under_consent", Boolean, nullable=False, server_default=false()),  # it relied on a direct consent
    Index("ix_contacts_person", "person_id", "at"),
    Index("ix_contacts_number", "number", "at"),
)

agents: Final = Table(
    "agents",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("skills", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False),
)

agent_intervals: Final = Table(
    "agent_intervals",
    metadata,
    _row_id(),
    Column("agent_id", String(64), ForeignKey("agents.id"), nullable=False),
    Column("state", String(12), nullable=False),
    Column("reason", String(40)),
    Column("campaign_id", BigInteger),
    Column("attempt_id", _CallId),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("ix_agent_intervals_agent", "agent_id", "began_at"),
)

dispositions: Final = Table(
    "dispositions",
    metadata,
    _row_id(),
    Column("attempt_id", _CallId, nullable=False, index=True),
    Column("agent_id", String(64)),
    Column("code", String(20), nullable=False),
    Column("note", Text),
    Column("at", Instant, nullable=False),
)

promises: Final = Table(
    "promises",
    metadata,
    _row_id(),
    _reference("debt_id", "debts.id", index=True),
    Column("attempt_id", _CallId, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("due_on", Date, nullable=False),
    Column("made_at", Instant, nullable=False),
)

callbacks: Final = Table(
    "callbacks",
    metadata,
    _row_id(),
    _reference("entry_id", "list_entries.id", index=True),
    Column("attempt_id", _CallId, nullable=False),
    Column("agent_id", String(64)),
    Column("due_at", Instant, nullable=False),
    Column("made_at", Instant, nullable=False),
)

recordings: Final = Table(
    "recordings",
    metadata,
    Column("attempt_id", _CallId, primary_key=True),
    Column("id", _CallId, nullable=False, unique=True),
    Column("state", String(12), nullable=False),
    Column("object_key", String(300)),
    Column("listening_key", String(300)),
    Column("sha256", String(64)),
    Column("size", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("channels", Integer, nullable=False),
    Column("announced", Boolean),
    Column("bridged_s", Float),
    Column("findings", JSON, nullable=False),
    Column("level_dbfs", JSON, nullable=False),
    Column("made_at", Instant, nullable=False),
)

events: Final = Table(
    "events",
    metadata,
    Column("id", _CallId, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("campaign_id", BigInteger),
    Column("attempt_id", _CallId, index=True),
    Column("agent_id", String(64)),
    Column("data", JSON, nullable=False),
    postgresql_partition_by="RANGE (id)",
)

imports: Final = Table(
    "imports",
    metadata,
    _row_id(),
    _reference("client_id", "clients.id"),
    Column("file_name", String(300), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("phase", String(10), nullable=False),
    Column("position", BigInteger, nullable=False),  # within the phase; where a crash is taken up again
    Column("counts", JSON, nullable=False),
    Column("complete", Boolean, nullable=False),  # the file is everything the client has with us
    _reference("campaign_id", "campaigns.id", optional=True),
    _reference("list_id", "lists.id", optional=True),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant),
)

import_rows: Final = Table(  # checked rows that wait to be applied; a crash in between is taken up again from here
    "import_rows",
    metadata,
    Column("import_id", _Key, ForeignKey("imports.id"), primary_key=True, autoincrement=False),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("account", String(200), nullable=False),
    Column("urgent", Boolean, nullable=False),  # asks for a suppression: applied before the others
    Column("row", Text),  # NULL: a bad row, kept only so that its account does not look recalled
    Index("ix_import_rows_account", "import_id", "account"),
)

meta: Final = Table(
    "meta",
    metadata,
    Column("key", String(60), primary_key=True),
    Column("value", String(300), nullable=False),
)

APPEND_ONLY: Final = (decisions, attempts, attempt_outcomes, events, contacts, dispositions)
PARTITIONED: Final = (decisions, attempts, attempt_outcomes, events)
