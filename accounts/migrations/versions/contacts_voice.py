"""What another dialer's history says of a call beside its result: a recorded voice, a message, a consent relied on.

Revision 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three columns; contacts that are there were live, without a message, without a consent."""
    op.add_column("contacts", sa.Column("voice", sa.String(length=12), nullable=True))
    op.add_column("contacts", sa.Column("message_left", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("contacts", sa.Column("under_consent", sa.Boolean(), nullable=False, server_default=sa.false()))
