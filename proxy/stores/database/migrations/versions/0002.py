"""The ledger in PostgreSQL: its tables, and the functions that decide in them.

The rule: rows are locked accounts first, then rates, then slots, each in the order of their names,
so that two calls never wait for each other in a circle.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

# A name that nobody used has no row; `state` of an entry: 0 settled, 1 estimated, 2 orphaned,
# 3 given back. `epoch` counts how often Redis was filled anew from these books.
_TABLES = (
    """CREATE TABLE headgate_ledger_account(
        name text PRIMARY KEY, spent bigint NOT NULL DEFAULT 0, held bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE headgate_ledger_rate(
        name text PRIMARY KEY, width integer NOT NULL DEFAULT 0,
        numbers bigint[] NOT NULL DEFAULT '{}', amounts bigint[] NOT NULL DEFAULT '{}'
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE headgate_ledger_slot(
        name text PRIMARY KEY, holds text[] NOT NULL DEFAULT '{}'
    ) WITH (fillfactor = 50)""",
    """CREATE TABLE headgate_ledger_hold(
        id text PRIMARY KEY, amount bigint NOT NULL, accounts text[] NOT NULL,
        rates text[] NOT NULL, widths integer[] NOT NULL, costs bigint[] NOT NULL,
        numbers bigint[] NOT NULL, slots text[] NOT NULL,
        deadline double precision NOT NULL, owner text NOT NULL
    )""",
    "CREATE INDEX headgate_ledger_hold_deadline ON headgate_ledger_hold(deadline)",
    "CREATE INDEX headgate_ledger_hold_owner ON headgate_ledger_hold(owner)",
    """CREATE TABLE headgate_ledger_entry(
        id text PRIMARY KEY, at double precision NOT NULL, cost bigint NOT NULL,
        state smallint NOT NULL, epoch bigint NOT NULL, accounts text[] NOT NULL
    )""",
    """CREATE INDEX headgate_ledger_entry_orphaned ON headgate_ledger_entry(at)
        WHERE state = 2""",
    "CREATE TABLE headgate_ledger_epoch(number bigint NOT NULL)",
    "INSERT INTO headgate_ledger_epoch VALUES(0)",
)

_NOW = """CREATE FUNCTION headgate_ledger_now() RETURNS double precision LANGUAGE sql VOLATILE
AS $$ SELECT extract(epoch FROM clock_timestamp())::double precision $$"""

_LOCK = """CREATE FUNCTION headgate_ledger_lock(p_accounts text[], p_rates text[], p_slots text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE n text;
BEGIN
  FOR n IN SELECT DISTINCT x FROM unnest(p_accounts) x ORDER BY x LOOP
    PERFORM 1 FROM headgate_ledger_account WHERE name = n FOR UPDATE;
    IF NOT FOUND THEN
      INSERT INTO headgate_ledger_account(name) VALUES(n) ON CONFLICT DO NOTHING;
      PERFORM 1 FROM headgate_ledger_account WHERE name = n FOR UPDATE;
    END IF;
  END LOOP;
  FOR n IN SELECT DISTINCT x FROM unnest(p_rates) x ORDER BY x LOOP
    PERFORM 1 FROM headgate_ledger_rate WHERE name = n FOR UPDATE;
    IF NOT FOUND THEN
      INSERT INTO headgate_ledger_rate(name) VALUES(n) ON CONFLICT DO NOTHING;
      PERFORM 1 FROM headgate_ledger_rate WHERE name = n FOR UPDATE;
    END IF;
  END LOOP;
  FOR n IN SELECT DISTINCT x FROM unnest(p_slots) x ORDER BY x LOOP
    PERFORM 1 FROM headgate_ledger_slot WHERE name = n FOR UPDATE;
    IF NOT FOUND THEN
      INSERT INTO headgate_ledger_slot(name) VALUES(n) ON CONFLICT DO NOTHING;
      PERFORM 1 FROM headgate_ledger_slot WHERE name = n FOR UPDATE;
    END IF;
  END LOOP;
END $$"""

# The buckets that still count; 120 of them make a width.
_SLIDING = """CREATE FUNCTION headgate_ledger_sliding(
  p_name text, p_width integer, p_now double precision,
  OUT numbers bigint[], OUT amounts bigint[], OUT total bigint
) LANGUAGE sql STABLE AS $$
  SELECT coalesce(array_agg(u.n ORDER BY u.n), '{}'), coalesce(array_agg(u.a ORDER BY u.n), '{}'),
    coalesce(sum(u.a), 0)::bigint
  FROM headgate_ledger_rate r, unnest(r.numbers, r.amounts) AS u(n, a)
  WHERE r.name = p_name AND r.width = p_width AND u.n >= floor(p_now * 120 / p_width) - 120
$$"""

_OVER = """CREATE FUNCTION headgate_ledger_over(
  p_amount bigint, p_accounts text[], p_limits bigint[],
  OUT place integer, OUT remaining bigint, OUT used bigint,
  OUT standing bigint
) LANGUAGE sql STABLE AS $$
  SELECT w.i - 1, greatest(0, w.lim - w.used), w.used, w.standing FROM (
    SELECT u.i::integer AS i, u.lim, coalesce(a.spent + a.held, 0) AS used,
      coalesce(a.held, 0) AS standing
    FROM unnest(p_accounts, p_limits) WITH ORDINALITY AS u(name, lim, i)
    LEFT JOIN headgate_ledger_account a ON a.name = u.name
  ) w WHERE w.lim IS NOT NULL AND (w.used + p_amount > w.lim OR w.used >= w.lim)
  ORDER BY w.i LIMIT 1
$$"""

_RESERVE = """CREATE FUNCTION headgate_ledger_reserve(
  p_id text, p_amount bigint, p_accounts text[], p_limits bigint[],
  p_rates text[], p_rate_limits bigint[], p_costs bigint[], p_widths integer[],
  p_slots text[], p_slot_limits integer[], p_lease double precision, p_owner text,
  OUT kind integer, OUT place integer, OUT remaining bigint, OUT used bigint,
  OUT wait double precision, OUT remains bigint[], OUT standing bigint
) LANGUAGE plpgsql AS $$
DECLARE
  i integer; j integer; need bigint; number bigint; found_ record; now_ double precision;
  numbers_ bigint[] := '{}'; known boolean;
BEGIN
  -- A hold that a crash of the database takes away is still settled by its process.
  PERFORM set_config('synchronous_commit', 'off', true);
  PERFORM headgate_ledger_lock(p_accounts, p_rates, p_slots);
  now_ := headgate_ledger_now(); remains := '{}'; kind := 0;
  known := EXISTS(SELECT 1 FROM headgate_ledger_hold WHERE id = p_id)
    OR EXISTS(SELECT 1 FROM headgate_ledger_entry WHERE id = p_id);
  IF NOT known THEN
    SELECT * INTO found_ FROM headgate_ledger_over(p_amount, p_accounts, p_limits);
    IF found_.place IS NOT NULL THEN
      kind := 1; place := found_.place; remaining := found_.remaining; used := found_.used;
      standing := found_.standing; RETURN;
    END IF;
  END IF;
  FOR i IN 1 .. cardinality(p_rates) LOOP
    SELECT * INTO found_ FROM headgate_ledger_sliding(p_rates[i], p_widths[i], now_);
    IF known THEN
      remains := remains || greatest(0, p_rate_limits[i] - found_.total);
    ELSIF found_.total + p_costs[i] > p_rate_limits[i] THEN
      need := found_.total + p_costs[i] - p_rate_limits[i]; wait := p_widths[i];
      FOR j IN 1 .. cardinality(found_.numbers) LOOP
        need := need - found_.amounts[j];
        IF need <= 0 THEN
          wait := greatest(0.001, (found_.numbers[j] + 121) * p_widths[i] / 120.0 - now_);
          EXIT;
        END IF;
      END LOOP;
      kind := 2; place := i - 1; used := found_.total;
      remaining := greatest(0, p_rate_limits[i] - found_.total);
      RETURN;
    ELSE
      remains := remains || greatest(0, p_rate_limits[i] - found_.total - p_costs[i]);
    END IF;
  END LOOP;
  IF known THEN RETURN; END IF;
  FOR i IN 1 .. cardinality(p_slots) LOOP
    SELECT cardinality(holds) INTO j FROM headgate_ledger_slot WHERE name = p_slots[i];
    IF j >= p_slot_limits[i] THEN
      kind := 3; place := i - 1; remaining := 0; used := j; wait := 1; RETURN;
    END IF;
  END LOOP;
  UPDATE headgate_ledger_account SET held = held + p_amount WHERE name = ANY(p_accounts);
  FOR i IN 1 .. cardinality(p_rates) LOOP
    SELECT * INTO found_ FROM headgate_ledger_sliding(p_rates[i], p_widths[i], now_);
    number := floor(now_ * 120 / p_widths[i]); j := cardinality(found_.numbers);
    -- A clock that goes back counts into the newest bucket there is.
    IF j > 0 AND found_.numbers[j] >= number THEN
      found_.amounts[j] := found_.amounts[j] + p_costs[i]; number := found_.numbers[j];
    ELSE
      found_.numbers := found_.numbers || number; found_.amounts := found_.amounts || p_costs[i];
    END IF;
    UPDATE headgate_ledger_rate
      SET width = p_widths[i], numbers = found_.numbers, amounts = found_.amounts
      WHERE name = p_rates[i];
    numbers_ := numbers_ || number;
  END LOOP;
  UPDATE headgate_ledger_slot SET holds = holds || p_id WHERE name = ANY(p_slots);
  INSERT INTO headgate_ledger_hold VALUES(p_id, p_amount, p_accounts, p_rates, p_widths, p_costs,
    numbers_, p_slots, now_ + p_lease, p_owner);
END $$"""

# Several at once, each decided after the one before it.
_RESERVE_ALL = """CREATE FUNCTION headgate_ledger_reserve_all(
  p_asks jsonb, p_lease double precision, p_owner text
) RETURNS TABLE(kind integer, place integer, remaining bigint, used bigint,
  wait double precision, remains bigint[], standing bigint) LANGUAGE plpgsql AS $$
DECLARE ask record;
BEGIN
  -- Compiling takes longer than all of this.
  PERFORM set_config('jit', 'off', true);
  PERFORM headgate_ledger_lock(
    ARRAY(SELECT jsonb_array_elements_text(x->'accounts') FROM jsonb_array_elements(p_asks) x),
    ARRAY(SELECT jsonb_array_elements_text(x->'rates') FROM jsonb_array_elements(p_asks) x),
    ARRAY(SELECT jsonb_array_elements_text(x->'slots') FROM jsonb_array_elements(p_asks) x));
  FOR ask IN SELECT * FROM jsonb_to_recordset(p_asks) AS x(id text, amount bigint,
    accounts text[], limits bigint[], rates text[], rate_limits bigint[], costs bigint[],
    widths integer[], slots text[], slot_limits integer[])
  LOOP
    RETURN QUERY SELECT r.* FROM headgate_ledger_reserve(ask.id, ask.amount, ask.accounts,
      ask.limits, ask.rates, ask.rate_limits, ask.costs, ask.widths, ask.slots, ask.slot_limits,
      p_lease, p_owner) r;
  END LOOP;
END $$"""

_EXTEND = """CREATE FUNCTION headgate_ledger_extend(
  p_id text, p_amount bigint, p_accounts text[], p_limits bigint[],
  OUT kind integer, OUT place integer, OUT remaining bigint, OUT used bigint,
  OUT standing bigint
) LANGUAGE plpgsql AS $$
DECLARE found_ record;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  PERFORM headgate_ledger_lock(p_accounts, '{}', '{}');
  kind := 1; place := 0; remaining := 0; used := 0;
  IF NOT EXISTS(SELECT 1 FROM headgate_ledger_hold WHERE id = p_id) THEN RETURN; END IF;
  SELECT * INTO found_ FROM headgate_ledger_over(p_amount, p_accounts, p_limits);
  IF found_.place IS NOT NULL THEN
    place := found_.place; remaining := found_.remaining; used := found_.used;
    standing := found_.standing; RETURN;
  END IF;
  UPDATE headgate_ledger_account SET held = held + p_amount WHERE name = ANY(p_accounts);
  UPDATE headgate_ledger_hold SET amount = amount + p_amount WHERE id = p_id;
  kind := 0;
END $$"""

_RELEASE = """CREATE FUNCTION headgate_ledger_release(
  held headgate_ledger_hold, p_used bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE i integer; j integer; rate headgate_ledger_rate;
BEGIN
  FOR i IN 1 .. least(cardinality(held.rates), cardinality(p_used)) LOOP
    CONTINUE WHEN p_used[i] = held.costs[i];
    SELECT * INTO rate FROM headgate_ledger_rate
      WHERE name = held.rates[i] AND width = held.widths[i];
    j := array_position(rate.numbers, held.numbers[i]);
    CONTINUE WHEN j IS NULL;
    rate.amounts[j] := greatest(0, rate.amounts[j] + p_used[i] - held.costs[i]);
    UPDATE headgate_ledger_rate SET amounts = rate.amounts WHERE name = held.rates[i];
  END LOOP;
  UPDATE headgate_ledger_slot SET holds = array_remove(holds, held.id)
    WHERE name = ANY(held.slots);
  DELETE FROM headgate_ledger_hold WHERE id = held.id;
END $$"""

_SETTLE = """CREATE FUNCTION headgate_ledger_settle(p_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE item record; entry headgate_ledger_entry; held headgate_ledger_hold; now_ double precision;
  known boolean; standing boolean; epoch_ bigint;
BEGIN
  PERFORM set_config('jit', 'off', true);
  PERFORM headgate_ledger_lock(
    ARRAY(SELECT jsonb_array_elements_text(x->'accounts') FROM jsonb_array_elements(p_rows) x),
    ARRAY(SELECT jsonb_array_elements_text(x->'rates') FROM jsonb_array_elements(p_rows) x),
    ARRAY(SELECT jsonb_array_elements_text(x->'slots') FROM jsonb_array_elements(p_rows) x));
  now_ := headgate_ledger_now();
  SELECT number INTO epoch_ FROM headgate_ledger_epoch;
  FOR item IN SELECT * FROM jsonb_to_recordset(p_rows)
    AS x(id text, cost bigint, state smallint, accounts text[], used bigint[])
  LOOP
    SELECT * INTO entry FROM headgate_ledger_entry WHERE id = item.id FOR UPDATE;
    known := FOUND;
    -- What was orphaned or given back is corrected by what it really cost, and by nothing else.
    CONTINUE WHEN known AND (entry.state < 2 OR item.state >= 2);
    SELECT * INTO held FROM headgate_ledger_hold WHERE id = item.id;
    standing := FOUND;
    IF standing AND item.state = 2 THEN
      CONTINUE WHEN held.deadline >= now_;
      item.cost := held.amount;
    END IF;
    UPDATE headgate_ledger_account
      SET spent = spent + item.cost - CASE WHEN known THEN entry.cost ELSE 0 END,
        held = headgate_ledger_account.held - CASE WHEN standing THEN held.amount ELSE 0 END
      WHERE name = ANY(item.accounts);
    IF standing THEN PERFORM headgate_ledger_release(held, item.used); END IF;
    INSERT INTO headgate_ledger_entry
      VALUES(item.id, now_, item.cost, item.state, epoch_, item.accounts)
      ON CONFLICT (id) DO UPDATE SET cost = item.cost, state = item.state, epoch = epoch_;
  END LOOP;
END $$"""

# The books of Redis: gives what stands in them for each of these entries.
_BOOK = """CREATE FUNCTION headgate_ledger_book(p_rows jsonb)
RETURNS TABLE(id text, epoch bigint, cost bigint, state smallint) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtext('headgate_ledger_epoch'));
  PERFORM headgate_ledger_settle(p_rows);
  RETURN QUERY SELECT e.id, e.epoch, e.cost, e.state FROM headgate_ledger_entry e
    WHERE e.id IN (SELECT x->>'id' FROM jsonb_array_elements(p_rows) x);
END $$"""

_SET = """CREATE FUNCTION headgate_ledger_set(p_id text, p_name text, p_spent bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE before bigint;
BEGIN
  PERFORM headgate_ledger_lock(ARRAY[p_name], '{}', '{}');
  SELECT spent INTO before FROM headgate_ledger_account WHERE name = p_name;
  UPDATE headgate_ledger_account SET spent = p_spent WHERE name = p_name;
  INSERT INTO headgate_ledger_entry VALUES(p_id, headgate_ledger_now(), p_spent - before, 0,
    (SELECT number FROM headgate_ledger_epoch), ARRAY[p_name]);
END $$"""

_REAP = """CREATE FUNCTION headgate_ledger_reap(p_most integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM headgate_ledger_settle(coalesce((
    SELECT jsonb_agg(jsonb_build_object('id', h.id, 'cost', h.amount, 'state', 2,
      'accounts', h.accounts, 'rates', h.rates, 'slots', h.slots, 'used', '[]'::jsonb))
    FROM (SELECT * FROM headgate_ledger_hold WHERE deadline < headgate_ledger_now()
      ORDER BY deadline LIMIT p_most) h), '[]'::jsonb));
END $$"""

_FUNCTIONS = (
    _NOW,
    _LOCK,
    _SLIDING,
    _OVER,
    _RESERVE,
    _RESERVE_ALL,
    _EXTEND,
    _RELEASE,
    _SETTLE,
    _BOOK,
    _SET,
)


def upgrade() -> None:
    """Make the tables and functions; SQLite has a ledger of its own."""
    bind = op.get_bind()
    if bind.dialect.name != "postgresql":
        return
    for statement in (*_TABLES, *_FUNCTIONS, _REAP):
        bind.exec_driver_sql(statement)
