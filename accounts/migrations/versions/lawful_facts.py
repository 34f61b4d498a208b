"""Facts the gate asks for and the store did not hold: emergencies, relationships, loan accounts, calls under consent.

Revision 0002.
"""

import sqlalchemy as sa
from alembic import op

from accounts.instants import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """One table, and columns that say nothing of what was there before."""
    op.create_table(
        "emergencies",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("starts_at", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("proof", sa.String(length=300), nullable=False),
        sa.Column("declared_by", sa.String(length=100), nullable=False),
        sa.Column("declared_at", Instant(), nullable=False),
        sa.Column("ended_by", sa.String(length=100), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergencies")),
    )
    op.add_column("debts", sa.Column("loan_account", sa.String(length=200), nullable=True))
    op.add_column("persons", sa.Column("last_purchase_at", Instant(), nullable=True))
    op.add_column("persons", sa.Column("last_inquiry_at", Instant(), nullable=True))
    op.add_column("attempts", sa.Column("under_consent", sa.Boolean(), nullable=False, server_default=sa.false()))
