-- The first schema. Times are timestamptz; business time unless a comment says otherwise.

create table installation (
    only_one boolean primary key default true check (only_one),
    id uuid not null default gen_random_uuid()          -- goes into every touch's key
);
insert into installation default values;

create table stepped_clock (
    only_one boolean primary key default true check (only_one),
    at timestamptz not null                             -- business time of a demo, shared by all its processes
);

-- inbox and journal ---------------------------------------------------------------------------------------------

create table events (
    id bigint generated always as identity primary key, -- inbox order
    source text not null,
    event_id text not null,
    type text not null,
    subject text not null,                              -- the customer's ref; no foreign key, the customer may not exist yet
    time timestamptz not null,
    received_at timestamptz not null,
    data jsonb not null default '{}',
    body_hash bytea not null,
    backfill boolean not null default false,
    depth smallint not null default 0,                  -- how many SOPs have set each other off up to this event
    cause jsonb,                                        -- for engine-made events: what made it
    attempts smallint not null default 0,
    matched_at timestamptz,
    outcome jsonb,
    unique (source, event_id)
);
create index events_unmatched on events (subject, id) where matched_at is null;
create index events_of_customer on events (subject, id desc);

create table rejected_events (
    id bigint generated always as identity primary key,
    received_at timestamptz not null,
    source text,
    event_id text,
    error text not null,
    body text not null                                  -- what was sent, cut at 4 KiB
);

-- customers -----------------------------------------------------------------------------------------------------

create table customers (
    id bigint generated always as identity primary key,
    ref text not null unique,
    attributes jsonb not null default '{}',
    timezone text,
    staff jsonb not null default '{}',                  -- role: staff id
    addresses jsonb not null default '{}',
    friends jsonb not null default '{}',                -- staff id: state
    opt_outs text[] not null default '{}',              -- channels; * for all
    written jsonb not null default '{}',                -- field: time of the event that wrote it (last writer wins)
    created boolean not null default false              -- a customer.created event was seen
);

create table customer_tags (
    customer_id bigint not null references customers on delete cascade,
    tag text not null,
    present boolean not null,
    changed_at timestamptz not null,                    -- since when it is so
    written_at timestamptz not null,                    -- the latest event that said so
    set_by text not null,
    primary key (customer_id, tag)
);
create index customer_tags_by_tag on customer_tags (tag, customer_id) where present;

create table customer_dimensions (
    customer_id bigint not null references customers on delete cascade,
    dimension text not null,
    value text not null,
    since timestamptz not null,
    written_at timestamptz not null,
    primary key (customer_id, dimension)
);

create table dimension_history (
    id bigint generated always as identity primary key,
    customer_id bigint not null references customers on delete cascade,
    dimension text not null,
    value_before text,
    value_after text not null,
    at timestamptz not null,
    event_id bigint                                     -- why
);
create index dimension_history_of_customer on dimension_history (customer_id, dimension, at);

create table activities (                               -- what a customer has done, by type
    customer_id bigint not null references customers on delete cascade,
    type text not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    times bigint not null,
    primary key (customer_id, type)
);

-- definitions ---------------------------------------------------------------------------------------------------

create table definitions (
    id bigint generated always as identity primary key,
    name text not null,                                 -- engine.yaml, or sops/<file>
    sop text,                                           -- the SOP's id; null for engine.yaml
    version integer not null check (version > 0),       -- counts per SOP (per name for engine.yaml)
    hash text not null,                                 -- sha256 of the text
    body text not null,                                 -- the YAML as applied
    created_at timestamptz not null
);
create unique index definitions_versions on definitions (coalesce(sop, name), version);

create table generations (
    generation integer primary key check (generation > 0),
    definition_ids bigint[] not null,
    applied_at timestamptz not null,
    applied_by text not null,
    settled_at timestamptz                              -- every timeline has been looked at under this generation
);

create function refuse_change() returns trigger language plpgsql as
$$ begin raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation'; end $$;
create trigger definitions_immutable before update or delete on definitions for each row execute function refuse_change();

-- timelines and touches -----------------------------------------------------------------------------------------

create table timelines (
    id bigint generated always as identity primary key,
    customer_id bigint not null references customers on delete cascade,
    sop text not null,
    version integer not null,                           -- the version it was started under
    key text not null default '',
    group_name text,
    priority integer not null,
    anchor timestamptz not null,
    start_id text not null,                             -- source and id of the event that started it
    event jsonb not null,                               -- that event: type, time, data
    depth smallint not null default 0,
    state text not null default 'active'
        check (state in ('active', 'completed', 'converted', 'exited', 'cancelled')),
    reason text,
    detail text,
    ended_at timestamptz,
    next_step text,
    step_due timestamptz,                               -- when the next step is due by its definition
    due_at timestamptz not null,                        -- when to look at it again
    waiting text,                                       -- why due_at is not step_due
    attempts smallint not null default 0,               -- failed plannings in a row
    check ((state = 'active') = (ended_at is null))
);
create unique index timelines_one_per_key on timelines (customer_id, sop, key) where state = 'active';
create unique index timelines_one_per_group on timelines (customer_id, group_name) where state = 'active' and group_name is not null;
create index timelines_due on timelines (due_at, id) where state = 'active';
create index timelines_of_customer on timelines (customer_id, sop);

create table touches (
    id bigint generated always as identity primary key,
    timeline_id bigint not null references timelines on delete cascade,
    customer_id bigint not null references customers on delete cascade,
    sop text not null,
    version integer not null,
    step text not null,
    kind text not null check (kind in ('message', 'task', 'do')),
    channel text,
    status text not null
        check (status in ('queued', 'sending', 'sent', 'failed', 'unknown', 'handed', 'cancelled', 'expired', 'skipped')),
    reason text,
    detail text,
    due_at timestamptz not null,
    planned_at timestamptz not null,
    ready_at timestamptz not null,                      -- not before this: the due time, later for retries
    send_before timestamptz not null,
    key text not null,
    body jsonb,
    attempt smallint not null default 0,
    claim_no integer not null default 0,
    lease_until timestamptz,                            -- on the lease clock
    sent_at timestamptz,
    ended_at timestamptz,
    delivered_at timestamptz,
    read_at timestamptz,
    bounced_at timestamptz,
    provider_id text,
    trace jsonb,
    unique (timeline_id, step),
    check (status <> 'sending' or lease_until is not null),
    check (status <> 'sent' or sent_at is not null),
    check (kind = 'do' or status = 'skipped' or (channel is not null and body is not null))
);
create index touches_queued on touches (channel, ready_at, id) where status = 'queued';
create index touches_sending on touches (lease_until) where status = 'sending';
create index touches_of_customer on touches (customer_id, id);
create index touches_open on touches (timeline_id) where status in ('queued', 'sending', 'handed');

create table attempts (
    id bigint generated always as identity primary key,
    touch_id bigint not null references touches on delete cascade,
    attempt smallint not null,
    claim_no integer not null,
    outcome text not null,
    detail text,
    at timestamptz not null
);
create index attempts_of_touch on attempts (touch_id);

-- operations ----------------------------------------------------------------------------------------------------

create table pauses (
    kind text not null check (kind in ('sop', 'channel', 'all')),
    name text not null,
    since timestamptz not null,
    primary key (kind, name)
);

create table dead_letters (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('event', 'cascade')),
    ref text not null,                                  -- the event's id, or the loop
    subject text not null,
    error text not null,
    at timestamptz not null
);

create table heartbeats (
    name text primary key,
    at timestamptz not null                             -- on the wall clock
);

create table api_keys (
    id text primary key,
    hash bytea not null,
    name text not null,
    scopes text[] not null,
    created_at timestamptz not null,
    last_used_at timestamptz,
    revoked_at timestamptz
);

create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    who text not null,
    action text not null,
    detail jsonb not null default '{}'
);
create trigger audit_append_only before update or delete on audit for each row execute function refuse_change();
