"""Placeholder: faxes that come in.

Revision: 0004_fax, after 0003
"""
from __future__ import annotations

revision = '0004_fax'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
