"""first tables

Revision: 0001, after 
"""

import secrets

import sqlalchemy as sa
from alembic import op
from flask import current_app

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('activity',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('code', sa.String(length=40), nullable=False),
    sa.Column('billable', sa.Boolean(), nullable=False),
    sa.Column('hourly_rate_e4', sa.BigInteger(), nullable=True),
    sa.Column('default_for_new_projects', sa.Boolean(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_activity'))
    )
    op.create_table('call_budget',
    sa.Column('key', sa.String(length=80), nullable=False),
    sa.Column('paused_until_at', sa.DateTime(), nullable=True),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_call_budget'))
    )
    op.create_table('connection',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('vendor', sa.String(length=20), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('url', sa.String(length=300), nullable=False),
    sa.Column('secret_sealed', sa.Text(), nullable=True),
    sa.Column('secret_hint', sa.String(length=8), nullable=False),
    sa.Column('default_item_id', sa.Integer(), nullable=True),
    sa.Column('trip_item_id', sa.Integer(), nullable=True),
    sa.Column('nightly', sa.Boolean(), nullable=False),
    sa.Column('import_mode', sa.String(length=10), nullable=False),
    sa.Column('invoice_per', sa.String(length=20), nullable=False),
    sa.Column('lines_per', sa.String(length=20), nullable=False),
    sa.Column('reference_template', sa.String(length=100), nullable=False),
    sa.Column('send_by_default', sa.Boolean(), nullable=False),
    sa.Column('write_number_back', sa.Boolean(), nullable=False),
    sa.Column('problem', sa.String(length=40), nullable=False),
    sa.Column('problem_params', sa.Text(), nullable=False),
    sa.Column('problem_at', sa.DateTime(), nullable=True),
    sa.Column('paused_until', sa.DateTime(), nullable=True),
    sa.Column('checked_at', sa.DateTime(), nullable=True),
    sa.Column('check_steps', sa.Text(), nullable=False),
    sa.Column('items_fetched_at', sa.DateTime(), nullable=True),
    sa.Column('imported_until', sa.String(length=40), nullable=False),
    sa.Column('full_import_at', sa.DateTime(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['default_item_id'], ['accounting_item.id'], name=op.f('fk_connection_default_item_id_accounting_item'), use_alter=True),
    sa.ForeignKeyConstraint(['trip_item_id'], ['accounting_item.id'], name=op.f('fk_connection_trip_item_id_accounting_item'), use_alter=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_connection')),
    sa.UniqueConstraint('vendor', name=op.f('uq_connection_vendor'))
    )
    op.create_table('expense_category',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('code', sa.String(length=40), nullable=False),
    sa.Column('unit', sa.String(length=20), nullable=False),
    sa.Column('unit_price_e4', sa.BigInteger(), nullable=True),
    sa.Column('purchase_vat_bp', sa.Integer(), nullable=True),
    sa.Column('sales_treatment', sa.String(length=20), nullable=False),
    sa.Column('markup_bp', sa.Integer(), nullable=False),
    sa.Column('billable', sa.Boolean(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_expense_category'))
    )
    op.create_table('lease',
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('owner', sa.String(length=80), nullable=False),
    sa.Column('until_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_lease'))
    )
    op.create_table('scheduled_run',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('job', sa.String(length=60), nullable=False),
    sa.Column('slot', sa.Date(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('started_at', sa.DateTime(), nullable=False),
    sa.Column('ended_at', sa.DateTime(), nullable=True),
    sa.Column('details', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_scheduled_run')),
    sa.UniqueConstraint('job', 'slot', name=op.f('uq_scheduled_run_job_slot'))
    )
    op.create_table('throttle',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=300), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_throttle'))
    )
    with op.batch_alter_table('throttle', schema=None) as batch_op:
        batch_op.create_index('ix_throttle_key_at', ['key', 'at'], unique=False)

    op.create_table('user',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('email', sa.String(length=255), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('password_hash', sa.String(length=200), nullable=True),
    sa.Column('role', sa.String(length=20), nullable=False),
    sa.Column('language', sa.String(length=2), nullable=True),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('hourly_rate_e4', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user')),
    sa.UniqueConstraint('email', name=op.f('uq_user_email'))
    )
    op.create_table('vat_regime',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=10), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('kind', sa.String(length=20), nullable=False),
    sa.Column('percentage_bp', sa.Integer(), nullable=True),
    sa.Column('invoice_text', sa.String(length=300), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_vat_regime')),
    sa.UniqueConstraint('code', name=op.f('uq_vat_regime_code'))
    )
    op.create_table('vehicle',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('plate', sa.String(length=20), nullable=False),
    sa.Column('owner', sa.String(length=10), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_vehicle'))
    )
    op.create_table('accounting_item',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('remote_id', sa.String(length=60), nullable=False),
    sa.Column('code', sa.String(length=60), nullable=False),
    sa.Column('name', sa.String(length=300), nullable=False),
    sa.Column('unit', sa.String(length=40), nullable=False),
    sa.Column('price_e4', sa.BigInteger(), nullable=True),
    sa.Column('vat_code', sa.String(length=20), nullable=False),
    sa.Column('vat_percentage_bp', sa.Integer(), nullable=True),
    sa.Column('period', sa.String(length=10), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connection.id'], name=op.f('fk_accounting_item_connection_id_connection')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accounting_item')),
    sa.UniqueConstraint('connection_id', 'remote_id', name=op.f('uq_accounting_item_connection_id_remote_id'))
    )
    op.create_table('audit_event',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('action', sa.String(length=60), nullable=False),
    sa.Column('object_type', sa.String(length=40), nullable=False),
    sa.Column('object_id', sa.Integer(), nullable=True),
    sa.Column('details', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_audit_event_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_event'))
    )
    with op.batch_alter_table('audit_event', schema=None) as batch_op:
        batch_op.create_index('ix_audit_event_object', ['object_type', 'object_id'], unique=False)

    op.create_table('batch',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('requested_by_id', sa.Integer(), nullable=True),
    sa.Column('source', sa.String(length=20), nullable=False),
    sa.Column('options', sa.Text(), nullable=False),
    sa.Column('skipped', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connection.id'], name=op.f('fk_batch_connection_id_connection')),
    sa.ForeignKeyConstraint(['requested_by_id'], ['user.id'], name=op.f('fk_batch_requested_by_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_batch'))
    )
    op.create_table('customer',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('number', sa.String(length=50), nullable=False),
    sa.Column('number_key', sa.String(length=60), nullable=False),
    sa.Column('name', sa.String(length=300), nullable=False),
    sa.Column('contact_first_name', sa.String(length=100), nullable=False),
    sa.Column('contact_last_name', sa.String(length=100), nullable=False),
    sa.Column('address', sa.String(length=200), nullable=False),
    sa.Column('postal_code', sa.String(length=20), nullable=False),
    sa.Column('city', sa.String(length=100), nullable=False),
    sa.Column('country', sa.String(length=2), nullable=False),
    sa.Column('invoice_address', sa.String(length=200), nullable=False),
    sa.Column('invoice_postal_code', sa.String(length=20), nullable=False),
    sa.Column('invoice_city', sa.String(length=100), nullable=False),
    sa.Column('invoice_country', sa.String(length=2), nullable=False),
    sa.Column('email', sa.String(length=255), nullable=False),
    sa.Column('invoice_email', sa.String(length=500), nullable=False),
    sa.Column('phone', sa.String(length=40), nullable=False),
    sa.Column('website', sa.String(length=200), nullable=False),
    sa.Column('vat_number', sa.String(length=30), nullable=False),
    sa.Column('coc_number', sa.String(length=20), nullable=False),
    sa.Column('iban', sa.String(length=40), nullable=False),
    sa.Column('bic', sa.String(length=11), nullable=False),
    sa.Column('payment_term_days', sa.Integer(), nullable=True),
    sa.Column('vat_regime_id', sa.Integer(), nullable=True),
    sa.Column('hourly_rate_e4', sa.BigInteger(), nullable=True),
    sa.Column('km_rate_e4', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('language', sa.String(length=2), nullable=False),
    sa.Column('invoice_reference', sa.String(length=100), nullable=False),
    sa.Column('rounding_minutes', sa.Integer(), nullable=True),
    sa.Column('rounding_direction', sa.String(length=10), nullable=True),
    sa.Column('rounding_scope', sa.String(length=20), nullable=True),
    sa.Column('quantity_basis', sa.String(length=10), nullable=True),
    sa.Column('notes', sa.Text(), nullable=False),
    sa.Column('flags', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('prospect', sa.Boolean(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('updated_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['vat_regime_id'], ['vat_regime.id'], name=op.f('fk_customer_vat_regime_id_vat_regime')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer'))
    )
    with op.batch_alter_table('customer', schema=None) as batch_op:
        batch_op.create_index('ix_customer_name', ['name'], unique=False)
        batch_op.create_index('uq_customer_number_key', ['number_key'], unique=True, sqlite_where=sa.text("number_key <> ''"), postgresql_where=sa.text("number_key <> ''"))

    op.create_table('external_link',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('local_type', sa.String(length=20), nullable=False),
    sa.Column('local_id', sa.Integer(), nullable=False),
    sa.Column('external_id', sa.String(length=60), nullable=False),
    sa.Column('external_code', sa.String(length=60), nullable=False),
    sa.Column('external_name', sa.String(length=300), nullable=False),
    sa.Column('seen_hash', sa.String(length=64), nullable=False),
    sa.Column('name_accepted', sa.Boolean(), nullable=False),
    sa.Column('missing_since_at', sa.DateTime(), nullable=True),
    sa.Column('linked_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connection.id'], name=op.f('fk_external_link_connection_id_connection')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_external_link')),
    sa.UniqueConstraint('connection_id', 'local_type', 'external_id', name=op.f('uq_external_link_connection_id_local_type_external_id')),
    sa.UniqueConstraint('connection_id', 'local_type', 'local_id', name=op.f('uq_external_link_connection_id_local_type_local_id'))
    )
    op.create_table('form_token',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('token', sa.String(length=64), nullable=False),
    sa.Column('location', sa.String(length=500), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_form_token_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_form_token')),
    sa.UniqueConstraint('user_id', 'token', name=op.f('uq_form_token_user_id_token'))
    )
    op.create_table('import_run',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('requested_by_id', sa.Integer(), nullable=True),
    sa.Column('source', sa.String(length=10), nullable=False),
    sa.Column('mode', sa.String(length=10), nullable=False),
    sa.Column('full', sa.Boolean(), nullable=False),
    sa.Column('preview_only', sa.Boolean(), nullable=False),
    sa.Column('since', sa.String(length=40), nullable=False),
    sa.Column('server_time', sa.String(length=40), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('next_offset', sa.Integer(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('created', sa.Integer(), nullable=False),
    sa.Column('updated', sa.Integer(), nullable=False),
    sa.Column('unchanged', sa.Integer(), nullable=False),
    sa.Column('conflicts', sa.Integer(), nullable=False),
    sa.Column('skipped', sa.Integer(), nullable=False),
    sa.Column('failed', sa.Integer(), nullable=False),
    sa.Column('calls', sa.Integer(), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('reason_params', sa.Text(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('owner', sa.String(length=80), nullable=False),
    sa.Column('fence', sa.Integer(), nullable=False),
    sa.Column('lease_until_at', sa.DateTime(), nullable=True),
    sa.Column('not_before_at', sa.DateTime(), nullable=True),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('ended_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['connection_id'], ['connection.id'], name=op.f('fk_import_run_connection_id_connection')),
    sa.ForeignKeyConstraint(['requested_by_id'], ['user.id'], name=op.f('fk_import_run_requested_by_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_run'))
    )
    with op.batch_alter_table('import_run', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_import_run_connection_id'), ['connection_id'], unique=False)
        batch_op.create_index('uq_import_run_unfinished', ['connection_id'], unique=True, sqlite_where=sa.text("state IN ('waiting', 'reading', 'applying')"), postgresql_where=sa.text("state IN ('waiting', 'reading', 'applying')"))

    op.create_table('login_session',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('seen_at', sa.DateTime(), nullable=False),
    sa.Column('selection', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_login_session_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_session')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_login_session_token_hash'))
    )
    with op.batch_alter_table('login_session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_login_session_user_id'), ['user_id'], unique=False)

    op.create_table('organisation',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('address', sa.String(length=200), nullable=False),
    sa.Column('postal_code', sa.String(length=20), nullable=False),
    sa.Column('city', sa.String(length=100), nullable=False),
    sa.Column('country', sa.String(length=2), nullable=False),
    sa.Column('vat_number', sa.String(length=30), nullable=False),
    sa.Column('coc_number', sa.String(length=20), nullable=False),
    sa.Column('iban', sa.String(length=40), nullable=False),
    sa.Column('bic', sa.String(length=11), nullable=False),
    sa.Column('email', sa.String(length=255), nullable=False),
    sa.Column('phone', sa.String(length=40), nullable=False),
    sa.Column('timezone', sa.String(length=64), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('language', sa.String(length=2), nullable=False),
    sa.Column('payment_term_days', sa.Integer(), nullable=False),
    sa.Column('vat_regime_id', sa.Integer(), nullable=True),
    sa.Column('rounding_minutes', sa.Integer(), nullable=False),
    sa.Column('rounding_direction', sa.String(length=10), nullable=False),
    sa.Column('rounding_scope', sa.String(length=20), nullable=False),
    sa.Column('quantity_basis', sa.String(length=10), nullable=False),
    sa.Column('approve_hours', sa.Boolean(), nullable=False),
    sa.Column('approve_expenses', sa.Boolean(), nullable=False),
    sa.Column('approve_trips', sa.Boolean(), nullable=False),
    sa.Column('km_rate_e4', sa.BigInteger(), nullable=True),
    sa.Column('nightly_at', sa.String(length=5), nullable=False),
    sa.Column('installation_id', sa.String(length=32), nullable=False),
    sa.Column('marker_prefix', sa.String(length=4), nullable=False),
    sa.Column('setup_token_hash', sa.String(length=64), nullable=True),
    sa.Column('is_demo', sa.Boolean(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_organisation_one_row')),
    sa.ForeignKeyConstraint(['vat_regime_id'], ['vat_regime.id'], name=op.f('fk_organisation_vat_regime_id_vat_regime')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisation'))
    )
    op.create_table('tax_code',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=20), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('percentage_bp', sa.Integer(), nullable=False),
    sa.Column('is_default', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connection.id'], name=op.f('fk_tax_code_connection_id_connection')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tax_code')),
    sa.UniqueConstraint('connection_id', 'code', name=op.f('uq_tax_code_connection_id_code'))
    )
    op.create_table('vat_mapping',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('vat_regime_id', sa.Integer(), nullable=False),
    sa.Column('code', sa.String(length=20), nullable=False),
    sa.Column('percentage_bp', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['connection_id'], ['connection.id'], name=op.f('fk_vat_mapping_connection_id_connection')),
    sa.ForeignKeyConstraint(['vat_regime_id'], ['vat_regime.id'], name=op.f('fk_vat_mapping_vat_regime_id_vat_regime')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_vat_mapping')),
    sa.UniqueConstraint('connection_id', 'vat_regime_id', name=op.f('uq_vat_mapping_connection_id_vat_regime_id'))
    )
    op.create_table('customer_match',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('number_key', sa.String(length=60), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('reason_params', sa.Text(), nullable=False),
    sa.Column('candidates', sa.Text(), nullable=False),
    sa.Column('choice', sa.String(length=10), nullable=False),
    sa.Column('owner', sa.String(length=80), nullable=False),
    sa.Column('lease_until_at', sa.DateTime(), nullable=True),
    sa.Column('looked_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['connection_id'], ['connection.id'], name=op.f('fk_customer_match_connection_id_connection')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_customer_match_customer_id_customer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_match')),
    sa.UniqueConstraint('connection_id', 'customer_id', name=op.f('uq_customer_match_connection_id_customer_id'))
    )
    op.create_table('import_page',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('run_id', sa.Integer(), nullable=False),
    sa.Column('reading', sa.Integer(), nullable=False),
    sa.Column('offset', sa.Integer(), nullable=False),
    sa.Column('remote_ids', sa.Text(), nullable=False),
    sa.Column('unreadable', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['import_run.id'], name=op.f('fk_import_page_run_id_import_run'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_page')),
    sa.UniqueConstraint('run_id', 'reading', 'offset', name=op.f('uq_import_page_run_id_reading_offset'))
    )
    op.create_table('import_row',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('run_id', sa.Integer(), nullable=False),
    sa.Column('remote_id', sa.String(length=60), nullable=False),
    sa.Column('number', sa.String(length=100), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('action', sa.String(length=10), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=True),
    sa.Column('values', sa.Text(), nullable=False),
    sa.Column('changes', sa.Text(), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('reason_params', sa.Text(), nullable=False),
    sa.Column('choice', sa.String(length=10), nullable=False),
    sa.Column('applied_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['run_id'], ['import_run.id'], name=op.f('fk_import_row_run_id_import_run'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_row')),
    sa.UniqueConstraint('run_id', 'remote_id', name=op.f('uq_import_row_run_id_remote_id'))
    )
    with op.batch_alter_table('import_row', schema=None) as batch_op:
        batch_op.create_index('ix_import_row_run_action', ['run_id', 'action'], unique=False)

    op.create_table('item_link',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('local_type', sa.String(length=20), nullable=False),
    sa.Column('local_id', sa.Integer(), nullable=False),
    sa.Column('item_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connection.id'], name=op.f('fk_item_link_connection_id_connection')),
    sa.ForeignKeyConstraint(['item_id'], ['accounting_item.id'], name=op.f('fk_item_link_item_id_accounting_item')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_item_link')),
    sa.UniqueConstraint('connection_id', 'local_type', 'local_id', name=op.f('uq_item_link_connection_id_local_type_local_id'))
    )
    op.create_table('project',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('code', sa.String(length=40), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('colour', sa.String(length=7), nullable=False),
    sa.Column('starts_on', sa.Date(), nullable=True),
    sa.Column('ends_on', sa.Date(), nullable=True),
    sa.Column('invoicing_method', sa.String(length=20), nullable=False),
    sa.Column('hourly_rate_e4', sa.BigInteger(), nullable=True),
    sa.Column('reference', sa.String(length=100), nullable=False),
    sa.Column('rounding_minutes', sa.Integer(), nullable=True),
    sa.Column('rounding_direction', sa.String(length=10), nullable=True),
    sa.Column('rounding_scope', sa.String(length=20), nullable=True),
    sa.Column('vat_regime_id', sa.Integer(), nullable=True),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_project_customer_id_customer')),
    sa.ForeignKeyConstraint(['vat_regime_id'], ['vat_regime.id'], name=op.f('fk_project_vat_regime_id_vat_regime')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_project'))
    )
    with op.batch_alter_table('project', schema=None) as batch_op:
        batch_op.create_index('ix_project_code', ['code'], unique=False)
        batch_op.create_index('ix_project_customer_id', ['customer_id'], unique=False)

    op.create_table('transfer',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=True),
    sa.Column('customer_id', sa.Integer(), nullable=True),
    sa.Column('batch_id', sa.Integer(), nullable=True),
    sa.Column('requested_by_id', sa.Integer(), nullable=True),
    sa.Column('waits_for_id', sa.Integer(), nullable=True),
    sa.Column('op_key', sa.String(length=64), nullable=False),
    sa.Column('marker', sa.String(length=20), nullable=False),
    sa.Column('payload', sa.Text(), nullable=False),
    sa.Column('payload_hash', sa.String(length=64), nullable=False),
    sa.Column('send', sa.Boolean(), nullable=False),
    sa.Column('accepts_remote_totals', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('stage', sa.String(length=8), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('reason_params', sa.Text(), nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('resends', sa.Integer(), nullable=False),
    sa.Column('searches', sa.Integer(), nullable=False),
    sa.Column('deaths', sa.Integer(), nullable=False),
    sa.Column('backoffs', sa.Integer(), nullable=False),
    sa.Column('fence', sa.Integer(), nullable=False),
    sa.Column('owner', sa.String(length=80), nullable=False),
    sa.Column('lease_until_at', sa.DateTime(), nullable=True),
    sa.Column('due_at', sa.DateTime(), nullable=False),
    sa.Column('first_write_at', sa.DateTime(), nullable=True),
    sa.Column('last_write_at', sa.DateTime(), nullable=True),
    sa.Column('check_at', sa.DateTime(), nullable=True),
    sa.Column('remote_id', sa.String(length=60), nullable=True),
    sa.Column('remote_number', sa.String(length=60), nullable=False),
    sa.Column('remote_state', sa.String(length=20), nullable=False),
    sa.Column('net_cents', sa.BigInteger(), nullable=False),
    sa.Column('vat_cents', sa.BigInteger(), nullable=False),
    sa.Column('gross_cents', sa.BigInteger(), nullable=False),
    sa.Column('remote_net_cents', sa.BigInteger(), nullable=True),
    sa.Column('remote_vat_cents', sa.BigInteger(), nullable=True),
    sa.Column('remote_gross_cents', sa.BigInteger(), nullable=True),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('updated_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['batch_id'], ['batch.id'], name=op.f('fk_transfer_batch_id_batch')),
    sa.ForeignKeyConstraint(['connection_id'], ['connection.id'], name=op.f('fk_transfer_connection_id_connection')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_transfer_customer_id_customer')),
    sa.ForeignKeyConstraint(['requested_by_id'], ['user.id'], name=op.f('fk_transfer_requested_by_id_user')),
    sa.ForeignKeyConstraint(['waits_for_id'], ['transfer.id'], name=op.f('fk_transfer_waits_for_id_transfer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_transfer')),
    sa.UniqueConstraint('connection_id', 'kind', 'remote_id', name=op.f('uq_transfer_connection_id_kind_remote_id')),
    sa.UniqueConstraint('marker', name=op.f('uq_transfer_marker'))
    )
    with op.batch_alter_table('transfer', schema=None) as batch_op:
        batch_op.create_index('ix_transfer_batch_id', ['batch_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_transfer_check_at'), ['check_at'], unique=False)
        batch_op.create_index('ix_transfer_customer_id', ['customer_id'], unique=False)
        batch_op.create_index('ix_transfer_state_due', ['state', 'due_at'], unique=False)
        batch_op.create_index('uq_transfer_op_key', ['op_key'], unique=True, sqlite_where=sa.text("state NOT IN ('rejected', 'released')"), postgresql_where=sa.text("state NOT IN ('rejected', 'released')"))

    op.create_table('expense',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=True),
    sa.Column('category_id', sa.Integer(), nullable=False),
    sa.Column('date', sa.Date(), nullable=False),
    sa.Column('quantity_e4', sa.BigInteger(), nullable=False),
    sa.Column('unit_price_e4', sa.BigInteger(), nullable=False),
    sa.Column('vat_included', sa.Boolean(), nullable=False),
    sa.Column('purchase_vat_bp', sa.Integer(), nullable=True),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('billable', sa.Boolean(), nullable=False),
    sa.Column('reimbursable', sa.Boolean(), nullable=False),
    sa.Column('status', sa.String(length=12), nullable=False),
    sa.Column('approved_by_id', sa.Integer(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('updated_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['approved_by_id'], ['user.id'], name=op.f('fk_expense_approved_by_id_user')),
    sa.ForeignKeyConstraint(['category_id'], ['expense_category.id'], name=op.f('fk_expense_category_id_expense_category')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_expense_customer_id_customer')),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_expense_project_id_project')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_expense_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_expense'))
    )
    with op.batch_alter_table('expense', schema=None) as batch_op:
        batch_op.create_index('ix_expense_customer_date', ['customer_id', 'date'], unique=False)
        batch_op.create_index('ix_expense_date', ['date'], unique=False)
        batch_op.create_index('ix_expense_user_date', ['user_id', 'date'], unique=False)

    op.create_table('invoice',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('origin', sa.String(length=10), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('series', sa.String(length=40), nullable=False),
    sa.Column('number', sa.String(length=60), nullable=True),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('customer_name', sa.String(length=300), nullable=False),
    sa.Column('customer_number', sa.String(length=50), nullable=False),
    sa.Column('date', sa.Date(), nullable=False),
    sa.Column('due_on', sa.Date(), nullable=True),
    sa.Column('reference', sa.String(length=200), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('status', sa.String(length=12), nullable=False),
    sa.Column('settlement', sa.String(length=10), nullable=False),
    sa.Column('net_cents', sa.BigInteger(), nullable=False),
    sa.Column('vat_cents', sa.BigInteger(), nullable=False),
    sa.Column('gross_cents', sa.BigInteger(), nullable=False),
    sa.Column('transfer_id', sa.Integer(), nullable=True),
    sa.Column('external_id', sa.String(length=60), nullable=False),
    sa.Column('external_status', sa.String(length=20), nullable=False),
    sa.Column('external_open_cents', sa.BigInteger(), nullable=True),
    sa.Column('external_checked_at', sa.DateTime(), nullable=True),
    sa.Column('sent_at', sa.DateTime(), nullable=True),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_invoice_customer_id_customer')),
    sa.ForeignKeyConstraint(['transfer_id'], ['transfer.id'], name=op.f('fk_invoice_transfer_id_transfer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invoice')),
    sa.UniqueConstraint('transfer_id', name=op.f('uq_invoice_transfer_id'))
    )
    with op.batch_alter_table('invoice', schema=None) as batch_op:
        batch_op.create_index('ix_invoice_customer_date', ['customer_id', 'date'], unique=False)
        batch_op.create_index('uq_invoice_series_number', ['series', 'number'], unique=True, sqlite_where=sa.text('number IS NOT NULL'), postgresql_where=sa.text('number IS NOT NULL'))

    op.create_table('project_activity',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('activity_id', sa.Integer(), nullable=False),
    sa.Column('billable', sa.Boolean(), nullable=False),
    sa.Column('hourly_rate_e4', sa.BigInteger(), nullable=True),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['activity_id'], ['activity.id'], name=op.f('fk_project_activity_activity_id_activity')),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_project_activity_project_id_project'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_project_activity')),
    sa.UniqueConstraint('project_id', 'activity_id', name=op.f('uq_project_activity_project_id_activity_id'))
    )
    with op.batch_alter_table('project_activity', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_project_activity_activity_id'), ['activity_id'], unique=False)

    op.create_table('project_user',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('hourly_rate_e4', sa.BigInteger(), nullable=True),
    sa.Column('is_manager', sa.Boolean(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_project_user_project_id_project'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_project_user_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_project_user')),
    sa.UniqueConstraint('project_id', 'user_id', name=op.f('uq_project_user_project_id_user_id'))
    )
    with op.batch_alter_table('project_user', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_project_user_user_id'), ['user_id'], unique=False)

    op.create_table('remote_call',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=True),
    sa.Column('transfer_id', sa.Integer(), nullable=True),
    sa.Column('import_run_id', sa.Integer(), nullable=True),
    sa.Column('budget_key', sa.String(length=80), nullable=False),
    sa.Column('operation', sa.String(length=40), nullable=False),
    sa.Column('writes', sa.Boolean(), nullable=False),
    sa.Column('fence', sa.Integer(), nullable=False),
    sa.Column('request', sa.Text(), nullable=False),
    sa.Column('response', sa.Text(), nullable=False),
    sa.Column('outcome', sa.String(length=40), nullable=False),
    sa.Column('http_status', sa.Integer(), nullable=True),
    sa.Column('milliseconds', sa.Integer(), nullable=True),
    sa.Column('opened_at', sa.DateTime(), nullable=False),
    sa.Column('closed_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['connection_id'], ['connection.id'], name=op.f('fk_remote_call_connection_id_connection')),
    sa.ForeignKeyConstraint(['import_run_id'], ['import_run.id'], name=op.f('fk_remote_call_import_run_id_import_run')),
    sa.ForeignKeyConstraint(['transfer_id'], ['transfer.id'], name=op.f('fk_remote_call_transfer_id_transfer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_remote_call'))
    )
    with op.batch_alter_table('remote_call', schema=None) as batch_op:
        batch_op.create_index('ix_remote_call_budget', ['budget_key', 'opened_at'], unique=False)
        batch_op.create_index('ix_remote_call_import_run_id', ['import_run_id'], unique=False, sqlite_where=sa.text('import_run_id IS NOT NULL'), postgresql_where=sa.text('import_run_id IS NOT NULL'))
        batch_op.create_index('ix_remote_call_transfer_id', ['transfer_id'], unique=False)

    op.create_table('time_entry',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=True),
    sa.Column('activity_id', sa.Integer(), nullable=False),
    sa.Column('date', sa.Date(), nullable=False),
    sa.Column('duration_minutes', sa.Integer(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('billable', sa.Boolean(), nullable=False),
    sa.Column('status', sa.String(length=12), nullable=False),
    sa.Column('rate_e4', sa.BigInteger(), nullable=True),
    sa.Column('rate_source', sa.String(length=20), nullable=False),
    sa.Column('approved_by_id', sa.Integer(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('updated_at', sa.DateTime(), nullable=False),
    sa.CheckConstraint('duration_minutes BETWEEN -1440 AND 1440', name=op.f('ck_time_entry_duration')),
    sa.ForeignKeyConstraint(['activity_id'], ['activity.id'], name=op.f('fk_time_entry_activity_id_activity')),
    sa.ForeignKeyConstraint(['approved_by_id'], ['user.id'], name=op.f('fk_time_entry_approved_by_id_user')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_time_entry_customer_id_customer')),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_time_entry_project_id_project')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_time_entry_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_time_entry'))
    )
    with op.batch_alter_table('time_entry', schema=None) as batch_op:
        batch_op.create_index('ix_time_entry_customer_date', ['customer_id', 'date'], unique=False)
        batch_op.create_index('ix_time_entry_date', ['date'], unique=False)
        batch_op.create_index('ix_time_entry_project_date', ['project_id', 'date'], unique=False)
        batch_op.create_index('ix_time_entry_user_date', ['user_id', 'date'], unique=False)

    op.create_table('transfer_event',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('transfer_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('reason', sa.String(length=40), nullable=False),
    sa.Column('reason_params', sa.Text(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['transfer_id'], ['transfer.id'], name=op.f('fk_transfer_event_transfer_id_transfer')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_transfer_event_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_transfer_event'))
    )
    with op.batch_alter_table('transfer_event', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_transfer_event_transfer_id'), ['transfer_id'], unique=False)

    op.create_table('trip',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=True),
    sa.Column('vehicle_id', sa.Integer(), nullable=True),
    sa.Column('date', sa.Date(), nullable=False),
    sa.Column('origin', sa.String(length=200), nullable=False),
    sa.Column('destination', sa.String(length=200), nullable=False),
    sa.Column('distance_km10', sa.Integer(), nullable=False),
    sa.Column('is_return', sa.Boolean(), nullable=False),
    sa.Column('kind', sa.String(length=10), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('billable', sa.Boolean(), nullable=False),
    sa.Column('rate_e4', sa.BigInteger(), nullable=True),
    sa.Column('rate_source', sa.String(length=20), nullable=False),
    sa.Column('status', sa.String(length=12), nullable=False),
    sa.Column('approved_by_id', sa.Integer(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('updated_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['approved_by_id'], ['user.id'], name=op.f('fk_trip_approved_by_id_user')),
    sa.ForeignKeyConstraint(['customer_id'], ['customer.id'], name=op.f('fk_trip_customer_id_customer')),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_trip_project_id_project')),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_trip_user_id_user')),
    sa.ForeignKeyConstraint(['vehicle_id'], ['vehicle.id'], name=op.f('fk_trip_vehicle_id_vehicle')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_trip'))
    )
    with op.batch_alter_table('trip', schema=None) as batch_op:
        batch_op.create_index('ix_trip_customer_date', ['customer_id', 'date'], unique=False)
        batch_op.create_index('ix_trip_date', ['date'], unique=False)
        batch_op.create_index('ix_trip_user_date', ['user_id', 'date'], unique=False)

    op.create_table('week_row',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('week_on', sa.Date(), nullable=False),
    sa.Column('project_id', sa.Integer(), nullable=False),
    sa.Column('activity_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['activity_id'], ['activity.id'], name=op.f('fk_week_row_activity_id_activity'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_week_row_project_id_project'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_week_row_user_id_user')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_week_row')),
    sa.UniqueConstraint('user_id', 'week_on', 'project_id', 'activity_id', name=op.f('uq_week_row_user_id_week_on_project_id_activity_id'))
    )
    op.create_table('invoice_line',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('invoice_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('quantity_e4', sa.BigInteger(), nullable=False),
    sa.Column('unit', sa.String(length=20), nullable=False),
    sa.Column('unit_price_e4', sa.BigInteger(), nullable=False),
    sa.Column('net_cents', sa.BigInteger(), nullable=False),
    sa.Column('vat_percentage_bp', sa.Integer(), nullable=True),
    sa.Column('item_code', sa.String(length=60), nullable=False),
    sa.ForeignKeyConstraint(['invoice_id'], ['invoice.id'], name=op.f('fk_invoice_line_invoice_id_invoice'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invoice_line')),
    sa.UniqueConstraint('invoice_id', 'position', name=op.f('uq_invoice_line_invoice_id_position'))
    )
    op.create_table('receipt',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('expense_id', sa.Integer(), nullable=False),
    sa.Column('filename', sa.String(length=200), nullable=False),
    sa.Column('content_type', sa.String(length=60), nullable=False),
    sa.Column('size_bytes', sa.Integer(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['expense_id'], ['expense.id'], name=op.f('fk_receipt_expense_id_expense'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_receipt'))
    )
    with op.batch_alter_table('receipt', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_receipt_expense_id'), ['expense_id'], unique=False)

    op.create_table('billing_link',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('source_type', sa.String(length=12), nullable=False),
    sa.Column('source_id', sa.Integer(), nullable=False),
    sa.Column('transfer_id', sa.Integer(), nullable=True),
    sa.Column('invoice_line_id', sa.Integer(), nullable=True),
    sa.Column('state', sa.String(length=10), nullable=False),
    sa.Column('amount_cents', sa.BigInteger(), nullable=False),
    sa.Column('quantity_e4', sa.BigInteger(), nullable=False),
    sa.Column('former_status', sa.String(length=12), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('released_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['invoice_line_id'], ['invoice_line.id'], name=op.f('fk_billing_link_invoice_line_id_invoice_line')),
    sa.ForeignKeyConstraint(['transfer_id'], ['transfer.id'], name=op.f('fk_billing_link_transfer_id_transfer')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_billing_link'))
    )
    with op.batch_alter_table('billing_link', schema=None) as batch_op:
        batch_op.create_index('ix_billing_link_transfer_id', ['transfer_id'], unique=False)
        batch_op.create_index('uq_billing_link_claim', ['source_type', 'source_id'], unique=True, sqlite_where=sa.text("state IN ('reserved', 'live')"), postgresql_where=sa.text("state IN ('reserved', 'live')"))
    insert_first_rows()


REGIMES = (
    ("NL21", "Hoog 21%", "standard", 2100, ""),
    ("NL9", "Laag 9%", "standard", 900, ""),
    ("NL0", "Nultarief 0%", "zero", 0, ""),
    ("NLRC", "Verlegd (binnenland)", "reverse_charge", None, "Btw verlegd"),
)


def insert_first_rows() -> None:
    """The one company, its VAT regimes and the three packages it may be connected to."""
    settings = current_app.extensions["settings"]
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    bind = op.get_bind()
    tables = sa.MetaData()
    tables.reflect(bind, only=["organisation", "vat_regime", "connection"])
    for position, (code, name, kind, percentage_bp, text) in enumerate(REGIMES):
        row = {"code": code, "name": name, "kind": kind, "percentage_bp": percentage_bp, "invoice_text": text, "position": position, "active": True}
        bind.execute(tables.tables["vat_regime"].insert().values(**row))
    regime = bind.execute(sa.text("SELECT id FROM vat_regime WHERE code = 'NL21'")).scalar_one()
    company = {
        "id": 1,
        "country": "NL",
        "timezone": settings.timezone,
        "currency": "EUR",
        "language": "nl",
        "payment_term_days": 30,
        "vat_regime_id": regime,
        "rounding_minutes": 0,
        "rounding_direction": "nearest",
        "rounding_scope": "entry",
        "quantity_basis": "exact",
        "approve_hours": False,
        "approve_expenses": False,
        "approve_trips": False,
        "nightly_at": settings.nightly_at,
        "installation_id": secrets.token_hex(16),
        "marker_prefix": "UW" + "".join(secrets.choice(letters) for _ in range(2)),
        "is_demo": False,
    }
    company |= {name: "" for name in ("name", "address", "postal_code", "city", "vat_number", "coc_number", "iban", "bic", "email", "phone")}
    bind.execute(tables.tables["organisation"].insert().values(**company))
    for vendor in ("wefact", "hostfact", "afas"):
        row = {
            "vendor": vendor,
            "state": "off",
            "url": "",
            "secret_hint": "",
            "nightly": False,
            "import_mode": "update",
            "invoice_per": "customer",
            "lines_per": "activity",
            "reference_template": "",
            "send_by_default": False,
            "write_number_back": True,
            "problem": "",
            "problem_params": "{}",
            "check_steps": "[]",
            "imported_until": "",
            "version": 1,
        }
        bind.execute(tables.tables["connection"].insert().values(**row))


def downgrade() -> None:
    with op.batch_alter_table('billing_link', schema=None) as batch_op:
        batch_op.drop_index('uq_billing_link_claim', sqlite_where=sa.text("state IN ('reserved', 'live')"), postgresql_where=sa.text("state IN ('reserved', 'live')"))
        batch_op.drop_index('ix_billing_link_transfer_id')

    op.drop_table('billing_link')
    with op.batch_alter_table('receipt', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_receipt_expense_id'))

    op.drop_table('receipt')
    op.drop_table('invoice_line')
    op.drop_table('week_row')
    with op.batch_alter_table('trip', schema=None) as batch_op:
        batch_op.drop_index('ix_trip_user_date')
        batch_op.drop_index('ix_trip_date')
        batch_op.drop_index('ix_trip_customer_date')

    op.drop_table('trip')
    with op.batch_alter_table('transfer_event', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_transfer_event_transfer_id'))

    op.drop_table('transfer_event')
    with op.batch_alter_table('time_entry', schema=None) as batch_op:
        batch_op.drop_index('ix_time_entry_user_date')
        batch_op.drop_index('ix_time_entry_project_date')
        batch_op.drop_index('ix_time_entry_date')
        batch_op.drop_index('ix_time_entry_customer_date')

    op.drop_table('time_entry')
    with op.batch_alter_table('remote_call', schema=None) as batch_op:
        batch_op.drop_index('ix_remote_call_transfer_id')
        batch_op.drop_index('ix_remote_call_import_run_id', sqlite_where=sa.text('import_run_id IS NOT NULL'), postgresql_where=sa.text('import_run_id IS NOT NULL'))
        batch_op.drop_index('ix_remote_call_budget')

    op.drop_table('remote_call')
    with op.batch_alter_table('project_user', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_project_user_user_id'))

    op.drop_table('project_user')
    with op.batch_alter_table('project_activity', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_project_activity_activity_id'))

    op.drop_table('project_activity')
    with op.batch_alter_table('invoice', schema=None) as batch_op:
        batch_op.drop_index('uq_invoice_series_number', sqlite_where=sa.text('number IS NOT NULL'), postgresql_where=sa.text('number IS NOT NULL'))
        batch_op.drop_index('ix_invoice_customer_date')

    op.drop_table('invoice')
    with op.batch_alter_table('expense', schema=None) as batch_op:
        batch_op.drop_index('ix_expense_user_date')
        batch_op.drop_index('ix_expense_date')
        batch_op.drop_index('ix_expense_customer_date')

    op.drop_table('expense')
    with op.batch_alter_table('transfer', schema=None) as batch_op:
        batch_op.drop_index('uq_transfer_op_key', sqlite_where=sa.text("state NOT IN ('rejected', 'released')"), postgresql_where=sa.text("state NOT IN ('rejected', 'released')"))
        batch_op.drop_index('ix_transfer_state_due')
        batch_op.drop_index('ix_transfer_customer_id')
        batch_op.drop_index(batch_op.f('ix_transfer_check_at'))
        batch_op.drop_index('ix_transfer_batch_id')

    op.drop_table('transfer')
    with op.batch_alter_table('project', schema=None) as batch_op:
        batch_op.drop_index('ix_project_customer_id')
        batch_op.drop_index('ix_project_code')

    op.drop_table('project')
    op.drop_table('item_link')
    with op.batch_alter_table('import_row', schema=None) as batch_op:
        batch_op.drop_index('ix_import_row_run_action')

    op.drop_table('import_row')
    op.drop_table('import_page')
    op.drop_table('customer_match')
    op.drop_table('vat_mapping')
    op.drop_table('tax_code')
    op.drop_table('organisation')
    with op.batch_alter_table('login_session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_login_session_user_id'))

    op.drop_table('login_session')
    with op.batch_alter_table('import_run', schema=None) as batch_op:
        batch_op.drop_index('uq_import_run_unfinished', sqlite_where=sa.text("state IN ('waiting', 'reading', 'applying')"), postgresql_where=sa.text("state IN ('waiting', 'reading', 'applying')"))
        batch_op.drop_index(batch_op.f('ix_import_run_connection_id'))

    op.drop_table('import_run')
    op.drop_table('form_token')
    op.drop_table('external_link')
    with op.batch_alter_table('customer', schema=None) as batch_op:
        batch_op.drop_index('uq_customer_number_key', sqlite_where=sa.text("number_key <> ''"), postgresql_where=sa.text("number_key <> ''"))
        batch_op.drop_index('ix_customer_name')

    op.drop_table('customer')
    op.drop_table('batch')
    with op.batch_alter_table('audit_event', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_event_object')

    op.drop_table('audit_event')
    op.drop_table('accounting_item')
    op.drop_table('vehicle')
    op.drop_table('vat_regime')
    op.drop_table('user')
    with op.batch_alter_table('throttle', schema=None) as batch_op:
        batch_op.drop_index('ix_throttle_key_at')

    op.drop_table('throttle')
    op.drop_table('scheduled_run')
    op.drop_table('lease')
    op.drop_table('expense_category')
    op.drop_table('connection')
    op.drop_table('call_budget')
    op.drop_table('activity')
