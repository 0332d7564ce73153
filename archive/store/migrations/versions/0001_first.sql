CREATE TABLE companies (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    business_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_companies PRIMARY KEY (code),
    CONSTRAINT ck_companies_kind CHECK (kind IN ('retail', 'network'))
);

CREATE TABLE dead_letters (
    id UUID NOT NULL,
    entrypoint TEXT NOT NULL,
    payload JSONB DEFAULT '{}'::jsonb NOT NULL,
    company TEXT,
    interaction_id UUID,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    failed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    retried_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_dead_letters PRIMARY KEY (id)
);
CREATE INDEX ix_dead_letters_failed_at ON dead_letters (failed_at);
CREATE INDEX ix_dead_letters_interaction_id ON dead_letters (interaction_id);

CREATE TABLE disposals (
    id UUID NOT NULL,
    status TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    companies TEXT[],
    as_of TIMESTAMP WITH TIME ZONE NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    counts JSONB DEFAULT '{}'::jsonb NOT NULL,
    certificate JSONB,
    CONSTRAINT pk_disposals PRIMARY KEY (id)
);
CREATE INDEX ix_disposals_open ON disposals (status) WHERE status <> 'done';

CREATE TABLE installation (
    key TEXT NOT NULL,
    value JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT pk_installation PRIMARY KEY (key)
);

CREATE TABLE refusals (
    hour TIMESTAMP WITH TIME ZONE NOT NULL,
    source TEXT NOT NULL,
    code TEXT NOT NULL,
    count INTEGER NOT NULL,
    CONSTRAINT pk_refusals PRIMARY KEY (hour, source, code)
);

CREATE TABLE signin_attempts (
    id UUID NOT NULL,
    account BYTEA NOT NULL,
    address TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_signin_attempts PRIMARY KEY (id)
);
CREATE INDEX ix_signin_attempts_account_at ON signin_attempts (account, at);
CREATE INDEX ix_signin_attempts_address_at ON signin_attempts (address, at);

CREATE TABLE sweeps (
    id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    orphans INTEGER NOT NULL,
    orphan_bytes BIGINT NOT NULL,
    uploads INTEGER NOT NULL,
    CONSTRAINT pk_sweeps PRIMARY KEY (id)
);
CREATE INDEX ix_sweeps_at ON sweeps (at);

CREATE TABLE timer_runs (
    name TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    failure TEXT,
    CONSTRAINT pk_timer_runs PRIMARY KEY (name)
);

CREATE TABLE tokens (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    companies TEXT[],
    digest BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_tokens PRIMARY KEY (id),
    CONSTRAINT uq_tokens_digest UNIQUE (digest)
);

CREATE TABLE trail_events (
    id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    companies TEXT[],
    actor_id TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    role TEXT,
    action TEXT NOT NULL,
    interaction_id UUID,
    purpose TEXT,
    detail JSONB DEFAULT '{}'::jsonb NOT NULL,
    mac BYTEA NOT NULL,
    xid BIGINT DEFAULT (pg_current_xact_id()::text::bigint) NOT NULL,
    seq BIGINT,
    chain BYTEA,
    CONSTRAINT pk_trail_events PRIMARY KEY (id),
    CONSTRAINT uq_trail_events_seq UNIQUE (seq)
);
CREATE INDEX ix_trail_events_at_id ON trail_events (at, id);
CREATE INDEX ix_trail_events_interaction_id ON trail_events (interaction_id, at) WHERE interaction_id IS NOT NULL;
CREATE INDEX ix_trail_events_unsealed ON trail_events (xid, id) WHERE seq IS NULL;

CREATE TABLE trail_head (
    one BOOLEAN DEFAULT true NOT NULL,
    seq BIGINT NOT NULL,
    chain BYTEA NOT NULL,
    sealed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    anchored_seq BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_trail_head PRIMARY KEY (one),
    CONSTRAINT ck_trail_head_one_row CHECK (one)
);

CREATE TABLE users (
    id UUID NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    companies TEXT[],
    password_hash TEXT,
    language TEXT,
    disabled_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT uq_users_email UNIQUE (email)
);

CREATE TABLE customers (
    company TEXT NOT NULL,
    number TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    identifier_kind TEXT,
    identifier_sealed BYTEA,
    identifier_hash BYTEA,
    iban_sealed BYTEA,
    iban_hash BYTEA,
    key_id TEXT,
    profile JSONB DEFAULT '{}'::jsonb NOT NULL,
    digest BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_customers PRIMARY KEY (company, number),
    CONSTRAINT ck_customers_kind CHECK (kind IN ('natural', 'legal')),
    CONSTRAINT fk_customers_company FOREIGN KEY(company) REFERENCES companies (code)
);
CREATE INDEX ix_customers_iban ON customers (company, iban_hash) WHERE iban_hash IS NOT NULL;
CREATE INDEX ix_customers_identifier ON customers (company, identifier_hash) WHERE identifier_hash IS NOT NULL;
CREATE INDEX ix_customers_key_id ON customers (key_id);
CREATE INDEX ix_customers_name ON customers (company, lower(name) text_pattern_ops);
CREATE INDEX ix_customers_number ON customers (number);

CREATE TABLE disposal_items (
    disposal_id UUID NOT NULL,
    interaction_id UUID NOT NULL,
    company TEXT NOT NULL,
    status TEXT NOT NULL,
    policy TEXT NOT NULL,
    rule TEXT NOT NULL,
    retain_until TIMESTAMP WITH TIME ZONE NOT NULL,
    digests JSONB DEFAULT '{}'::jsonb NOT NULL,
    checks JSONB DEFAULT '{}'::jsonb NOT NULL,
    failure TEXT,
    destroyed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_disposal_items PRIMARY KEY (disposal_id, interaction_id),
    CONSTRAINT fk_disposal_items_disposal_id FOREIGN KEY(disposal_id) REFERENCES disposals (id),
    CONSTRAINT fk_disposal_items_company FOREIGN KEY(company) REFERENCES companies (code)
);
CREATE INDEX ix_disposal_items_disposal_id_status ON disposal_items (disposal_id, status);
CREATE INDEX ix_disposal_items_interaction_id ON disposal_items (interaction_id);

CREATE TABLE holds (
    id UUID NOT NULL,
    company TEXT NOT NULL,
    reason TEXT NOT NULL,
    placed_by TEXT NOT NULL,
    placed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    released_by TEXT,
    released_at TIMESTAMP WITH TIME ZONE,
    release_reason TEXT,
    CONSTRAINT pk_holds PRIMARY KEY (id),
    CONSTRAINT fk_holds_company FOREIGN KEY(company) REFERENCES companies (code)
);

CREATE TABLE interactions (
    id UUID NOT NULL,
    company TEXT NOT NULL,
    channel TEXT NOT NULL,
    direction TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE NOT NULL,
    duration_s DOUBLE PRECISION,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    call_id TEXT,
    queue TEXT,
    category TEXT,
    agent_id TEXT,
    agent_name TEXT,
    language TEXT,
    subject TEXT,
    channel_roles TEXT[] DEFAULT '{}' NOT NULL,
    given_customer_number TEXT,
    given_metering_point TEXT,
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL,
    state TEXT DEFAULT 'kept' NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    retain_until TIMESTAMP WITH TIME ZONE,
    policy TEXT,
    derive_state TEXT DEFAULT 'waiting' NOT NULL,
    media JSONB,
    receipt JSONB DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT pk_interactions PRIMARY KEY (id),
    CONSTRAINT uq_interactions_company_source_external_id UNIQUE (company, source, external_id),
    CONSTRAINT ck_interactions_state CHECK (state IN ('kept', 'destroying')),
    CONSTRAINT ck_interactions_derive_state CHECK (derive_state IN ('waiting', 'done', 'failed')),
    CONSTRAINT ck_interactions_channel CHECK (channel IN ('call', 'email', 'chat')),
    CONSTRAINT ck_interactions_direction CHECK (direction IN ('inbound', 'outbound', 'internal')),
    CONSTRAINT fk_interactions_company FOREIGN KEY(company) REFERENCES companies (code)
);
CREATE INDEX ix_interactions_agent ON interactions (company, agent_id, started_at, id) WHERE agent_id IS NOT NULL;
CREATE INDEX ix_interactions_agent_name ON interactions (company, lower(agent_name), started_at, id) WHERE agent_name IS NOT NULL;
CREATE INDEX ix_interactions_call_id ON interactions (company, call_id) WHERE call_id IS NOT NULL;
CREATE INDEX ix_interactions_category ON interactions (company, category, started_at, id) WHERE category IS NOT NULL;
CREATE INDEX ix_interactions_company_received_at ON interactions (company, received_at);
CREATE INDEX ix_interactions_company_started_at_id ON interactions (company, started_at, id);
CREATE INDEX ix_interactions_derive_state ON interactions (company, derive_state) WHERE derive_state <> 'done';
CREATE INDEX ix_interactions_due ON interactions (retain_until) WHERE retain_until IS NOT NULL;
CREATE INDEX ix_interactions_duration ON interactions (company, duration_s);
CREATE INDEX ix_interactions_given_customer_number ON interactions (company, given_customer_number) WHERE given_customer_number IS NOT NULL;
CREATE INDEX ix_interactions_given_metering_point ON interactions (company, given_metering_point) WHERE given_metering_point IS NOT NULL;
CREATE INDEX ix_interactions_queue ON interactions (company, queue, started_at, id) WHERE queue IS NOT NULL;
CREATE INDEX ix_interactions_state ON interactions (state) WHERE state <> 'kept';

CREATE TABLE policies (
    name TEXT NOT NULL,
    company TEXT,
    channel TEXT,
    category TEXT,
    keep TEXT NOT NULL,
    trigger TEXT NOT NULL,
    written_by TEXT NOT NULL,
    written_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT uq_policies_name_company UNIQUE NULLS NOT DISTINCT (name, company),
    CONSTRAINT uq_policies_company_channel_category UNIQUE NULLS NOT DISTINCT (company, channel, category),
    CONSTRAINT fk_policies_company FOREIGN KEY(company) REFERENCES companies (code)
);

CREATE TABLE sessions (
    digest BYTEA NOT NULL,
    user_id UUID NOT NULL,
    csrf TEXT NOT NULL,
    company TEXT,
    language TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_sessions PRIMARY KEY (digest),
    CONSTRAINT fk_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);

CREATE TABLE signin_links (
    digest BYTEA NOT NULL,
    user_id UUID NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_signin_links PRIMARY KEY (digest),
    CONSTRAINT fk_signin_links_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);

CREATE TABLE tombstones (
    identity_hash BYTEA NOT NULL,
    interaction_id UUID NOT NULL,
    company TEXT NOT NULL,
    disposal_id UUID NOT NULL,
    destroyed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_tombstones PRIMARY KEY (identity_hash),
    CONSTRAINT uq_tombstones_interaction_id UNIQUE (interaction_id),
    CONSTRAINT fk_tombstones_company FOREIGN KEY(company) REFERENCES companies (code),
    CONSTRAINT fk_tombstones_disposal_id FOREIGN KEY(disposal_id) REFERENCES disposals (id)
);

CREATE TABLE customer_keys (
    company TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    customer_number TEXT NOT NULL,
    CONSTRAINT pk_customer_keys PRIMARY KEY (company, kind, value, customer_number),
    CONSTRAINT fk_customer_keys_company_customer_number FOREIGN KEY(company, customer_number) REFERENCES customers (company, number) ON DELETE CASCADE,
    CONSTRAINT fk_customer_keys_company FOREIGN KEY(company) REFERENCES companies (code)
);
CREATE INDEX ix_customer_keys_company_customer_number ON customer_keys (company, customer_number);

CREATE TABLE hold_items (
    hold_id UUID NOT NULL,
    interaction_id UUID NOT NULL,
    company TEXT NOT NULL,
    released_at TIMESTAMP WITH TIME ZONE,
    mirrored BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_hold_items PRIMARY KEY (hold_id, interaction_id),
    CONSTRAINT fk_hold_items_hold_id FOREIGN KEY(hold_id) REFERENCES holds (id),
    CONSTRAINT fk_hold_items_company FOREIGN KEY(company) REFERENCES companies (code)
);
CREATE INDEX ix_hold_items_active ON hold_items (interaction_id) WHERE released_at IS NULL;
CREATE INDEX ix_hold_items_interaction_id ON hold_items (interaction_id);

CREATE TABLE interaction_keys (
    interaction_id UUID NOT NULL,
    company TEXT NOT NULL,
    key_id TEXT NOT NULL,
    wrapped BYTEA NOT NULL,
    CONSTRAINT pk_interaction_keys PRIMARY KEY (interaction_id),
    CONSTRAINT fk_interaction_keys_interaction_id FOREIGN KEY(interaction_id) REFERENCES interactions (id),
    CONSTRAINT fk_interaction_keys_company FOREIGN KEY(company) REFERENCES companies (code)
);
CREATE INDEX ix_interaction_keys_key_id ON interaction_keys (key_id);

CREATE TABLE link_events (
    id UUID NOT NULL,
    interaction_id UUID NOT NULL,
    company TEXT NOT NULL,
    customer_number TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    what TEXT NOT NULL,
    by TEXT,
    evidence TEXT[] NOT NULL,
    reason TEXT,
    CONSTRAINT pk_link_events PRIMARY KEY (id),
    CONSTRAINT fk_link_events_interaction_id FOREIGN KEY(interaction_id) REFERENCES interactions (id),
    CONSTRAINT fk_link_events_company FOREIGN KEY(company) REFERENCES companies (code)
);
CREATE INDEX ix_link_events_interaction_id_id ON link_events (interaction_id, id);

CREATE TABLE links (
    interaction_id UUID NOT NULL,
    company TEXT NOT NULL,
    customer_number TEXT NOT NULL,
    status TEXT NOT NULL,
    evidence TEXT[] NOT NULL,
    by_hand BOOLEAN DEFAULT false NOT NULL,
    made_by TEXT,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_by TEXT,
    ended_at TIMESTAMP WITH TIME ZONE,
    reason TEXT,
    CONSTRAINT pk_links PRIMARY KEY (interaction_id, customer_number),
    CONSTRAINT ck_links_status CHECK (status IN ('linked', 'suggested', 'refused', 'undone')),
    CONSTRAINT fk_links_interaction_id FOREIGN KEY(interaction_id) REFERENCES interactions (id),
    CONSTRAINT fk_links_company FOREIGN KEY(company) REFERENCES companies (code)
);
CREATE INDEX ix_links_customer ON links (company, customer_number, interaction_id) WHERE status = 'linked';
CREATE INDEX ix_links_inbox ON links (company, made_at, interaction_id) WHERE status = 'suggested';

CREATE TABLE parties (
    interaction_id UUID NOT NULL,
    ordinal INTEGER NOT NULL,
    company TEXT NOT NULL,
    role TEXT NOT NULL,
    name TEXT,
    phone TEXT,
    email TEXT,
    CONSTRAINT pk_parties PRIMARY KEY (interaction_id, ordinal),
    CONSTRAINT fk_parties_interaction_id FOREIGN KEY(interaction_id) REFERENCES interactions (id),
    CONSTRAINT fk_parties_company FOREIGN KEY(company) REFERENCES companies (code)
);
CREATE INDEX ix_parties_email ON parties (company, email, interaction_id) WHERE email IS NOT NULL;
CREATE INDEX ix_parties_phone ON parties (company, phone, interaction_id) WHERE phone IS NOT NULL;

CREATE TABLE parts (
    id UUID NOT NULL,
    interaction_id UUID NOT NULL,
    company TEXT NOT NULL,
    kind TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sealed_size_bytes BIGINT NOT NULL,
    sha256 BYTEA NOT NULL,
    sealed_sha256 BYTEA NOT NULL,
    object_key TEXT NOT NULL,
    version_id TEXT NOT NULL,
    header BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_parts PRIMARY KEY (id),
    CONSTRAINT fk_parts_interaction_id FOREIGN KEY(interaction_id) REFERENCES interactions (id),
    CONSTRAINT fk_parts_company FOREIGN KEY(company) REFERENCES companies (code),
    CONSTRAINT uq_parts_object_key UNIQUE (object_key)
);
CREATE INDEX ix_parts_interaction_id ON parts (interaction_id);

CREATE TABLE session_purposes (
    session_digest BYTEA NOT NULL,
    interaction_id UUID NOT NULL,
    purpose TEXT NOT NULL,
    stated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_session_purposes PRIMARY KEY (session_digest, interaction_id),
    CONSTRAINT fk_session_purposes_session_digest FOREIGN KEY(session_digest) REFERENCES sessions (digest) ON DELETE CASCADE
);
