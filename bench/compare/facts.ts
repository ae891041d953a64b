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
