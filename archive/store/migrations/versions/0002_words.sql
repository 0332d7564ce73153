ALTER TABLE interactions
    ADD COLUMN text_state TEXT DEFAULT 'waiting' NOT NULL,
    ADD COLUMN text_reason TEXT,
    ADD CONSTRAINT ck_interactions_text_state CHECK (text_state IN ('waiting', 'done', 'failed', 'off'));

CREATE INDEX ix_interactions_text_state ON interactions (company, text_state, started_at) WHERE text_state <> 'done';

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

CREATE INDEX ix_search_rows_analyser ON search_rows (analyser, interaction_id);

CREATE INDEX ix_search_rows_newest ON search_rows (company, started_at, interaction_id);

CREATE INDEX ix_search_rows_terms ON search_rows USING gin (terms);

CREATE TABLE search_texts (
    interaction_id UUID NOT NULL,
    company TEXT NOT NULL,
    segments BYTEA NOT NULL,
    CONSTRAINT pk_search_texts PRIMARY KEY (interaction_id),
    CONSTRAINT fk_search_texts_interaction_id FOREIGN KEY(interaction_id) REFERENCES interactions (id),
    CONSTRAINT fk_search_texts_company FOREIGN KEY(company) REFERENCES companies (code)
);

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
