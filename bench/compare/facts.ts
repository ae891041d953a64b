/** The million rows that the aggregations and point reads run over; texts that every rival understands. */

export const FACT_ROWS = 1_000_000;

export const FACTS: readonly string[] = [
  'create table facts (id int primary key, grp int not null, val int not null, amount int not null)',
];

/** For the servers: no recursion needed. */
export const FILL_FACTS = `insert into facts
  select i, i % 97, (i::int8 * 7919 % 1000)::int, (i::int8 * 104729 % 100000)::int from generate_series(1, ${FACT_ROWS}) i`;

export const SCAN = 'select sum(amount) from facts where val < 300';
export const GROUP = 'select grp, sum(amount), count(*) from facts group by grp';

/** 46 million pairs that nobody reads; rows by key; groups by two columns; what a projection computes. */
export const JOIN_PAIRS =
  'select count(*) from facts a join facts b on a.grp = b.grp where a.id <= 66000 and b.id <= 66000';
export const JOIN_KEYS = 'select count(*), sum(a.amount), max(b.val) from facts a join facts b on a.id = b.amount';
export const JOIN_GROUPS =
  'select b.grp, count(*), sum(a.amount) from facts a join facts b on a.id = b.amount group by b.grp';
export const GROUP_PAIRS =
  'select count(*) from (select grp, val, count(*), sum(amount) from facts group by grp, val offset 0) s';
/** The first of an order that no index has; values that an answer of 97,000 rows does not hold; the whole order. */
export const TOP = 'select id, grp, val, amount from facts order by val desc, amount, id limit 20';
export const NOT_IN =
  'select count(*), sum(val) from facts where id not in (select amount from facts where val < 100) and id <= 100000';
export const SORT = 'select count(*) from (select id, val from facts order by val desc, amount, id offset 1) s';
export const PROJECT =
  'select sum(x), max(grp) from (select val * 2 + amount as x, grp from facts offset 0) s where grp < 50';
