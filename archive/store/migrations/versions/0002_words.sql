ALTER TABLE interactions
    ADD COLUMN text_state TEXT DEFAULT 'waiting' NOT NULL,
    ADD COLUMN text_reason TEXT,
    ADD CONSTRAINT ck_interactions_text_state CHECK (text_state IN ('waiting', 'done', 'failed', 'off'));

CREATE INDEX ix_interactions_text_state ON interactions (company, text_state, started_at)
    INCLUDE (text_reason, state) WHERE text_state <> 'done';

CREATE TABLE speech_rules (
    id UUID NOT NULL,
    company TEXT,
    queue TEXT,
    category TEXT,
    mode TEXT NOT NULL,
    CONSTRAINT pk_speech_rules PRIMARY KEY (id),
    CONSTRAINT uq_speech_rules_company_queue_category UNIQUE NULLS NOT DISTINCT (company, queue, category),
    CONSTRAINT ck_speech_rules_mode CHECK (mode IN ('all', 'on-demand', 'off')),
    CONSTRAINT fk_speech_rules_company FOREIGN KEY(company) REFERENCES companies (code)
);

CREATE TABLE vocabularies (
    company TEXT NOT NULL,
    words TEXT[] DEFAULT '{}' NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_vocabularies PRIMARY KEY (company),
    CONSTRAINT fk_vocabularies_company FOREIGN KEY(company) REFERENCES companies (code)
);

CREATE TABLE search_rows (
    interaction_id UUID NOT NULL,
    company TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    bucket TEXT NOT NULL,
    terms TSVECTOR NOT NULL,
    analyser TEXT NOT NULL,
    indexed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_search_rows PRIMARY KEY (interaction_id),
    CONSTRAINT fk_search_rows_interaction_id FOREIGN KEY(interaction_id) REFERENCES interactions (id),
    CONSTRAINT fk_search_rows_company FOREIGN KEY(company) REFERENCES companies (code)
);

CREATE INDEX ix_search_rows_analyser ON search_rows (company, analyser, interaction_id);

CREATE INDEX ix_search_rows_newest ON search_rows (company, started_at, interaction_id);

CREATE INDEX ix_search_rows_terms ON search_rows USING gin (terms) WITH (fastupdate=off);

-- The index leads to rows far more often than terms are read from them, so the table is kept thin; and vectors hardly
-- become smaller by compression.
ALTER TABLE search_rows ALTER COLUMN terms SET STORAGE EXTERNAL;

-- What is destroyed month by month would be years in reaching the usual fifth of the table; each look at the index for a
-- row that is gone costs a look at the table.
ALTER TABLE search_rows SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

CREATE TABLE search_texts (
    interaction_id UUID NOT NULL,
    company TEXT NOT NULL,
    segments BYTEA NOT NULL,
    sounds TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_search_texts PRIMARY KEY (interaction_id),
    CONSTRAINT fk_search_texts_interaction_id FOREIGN KEY(interaction_id) REFERENCES interactions (id),
    CONSTRAINT fk_search_texts_company FOREIGN KEY(company) REFERENCES companies (code)
);

-- It is compressed by us.
ALTER TABLE search_texts ALTER COLUMN segments SET STORAGE EXTERNAL;

-- Near hits read it of many contacts, so it stays in the row.
ALTER TABLE search_texts ALTER COLUMN sounds SET STORAGE MAIN;

CREATE TABLE speech_requests (
    interaction_id UUID NOT NULL,
    company TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_speech_requests PRIMARY KEY (interaction_id),
    CONSTRAINT fk_speech_requests_interaction_id FOREIGN KEY(interaction_id) REFERENCES interactions (id),
    CONSTRAINT fk_speech_requests_company FOREIGN KEY(company) REFERENCES companies (code)
);

CREATE TABLE transcripts (
    interaction_id UUID NOT NULL,
    company TEXT NOT NULL,
    language TEXT NOT NULL,
    language_found BOOLEAN NOT NULL,
    model TEXT NOT NULL,
    audio_s DOUBLE PRECISION NOT NULL,
    took_s DOUBLE PRECISION NOT NULL,
    words INTEGER NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_transcripts PRIMARY KEY (interaction_id),
    CONSTRAINT fk_transcripts_interaction_id FOREIGN KEY(interaction_id) REFERENCES interactions (id),
    CONSTRAINT fk_transcripts_company FOREIGN KEY(company) REFERENCES companies (code)
);

CREATE INDEX ix_transcripts_model_made_at ON transcripts (model, made_at);
