/**
 * PostgreSQL 15's keywords, in the four classes of its grammar, and a hash table from source characters to keyword.
 *
 * | class | column or table name | function or type name | label without AS |
 * |---|---|---|---|
 * | unreserved | yes | yes | yes, but for {@link AS_LABEL} |
 * | column name | yes | no | yes, but for {@link AS_LABEL} |
 * | type or function name | no | yes | yes, but for {@link AS_LABEL} |
 * | reserved | no | no | yes, but for {@link AS_LABEL} |
 *
 * A keyword's number is its index in {@link KEYWORDS}; 0 is "not a keyword". The table is open addressing over a hash that
 * the lexer computes while it walks over an identifier, so that recognising a keyword makes no string.
 */

const UNRESERVED = `abort absolute access action add admin after aggregate also alter always asensitive assertion assignment at
atomic attach attribute backward before begin breadth by cache call called cascade cascaded catalog chain characteristics
checkpoint class close cluster columns comment comments commit committed compression configuration conflict connection
constraints content continue conversion copy cost csv cube current cursor cycle data database day deallocate declare defaults
deferred definer delete delimiter delimiters depends depth detach dictionary disable discard document domain double drop each
enable encoding encrypted enum escape event exclude excluding exclusive execute explain expression extension external family
filter finalize first following force forward function functions generated global granted groups handler header hold hour
identity if immediate immutable implicit import include including increment index indexes inherit inherits inline input
insensitive insert instead invoker isolation key label language large last leakproof level listen load local location lock
locked logged mapping match matched materialized maxvalue merge method minute minvalue mode month move name names new next nfc
nfd nfkc nfkd no normalized nothing notify nowait nulls object of off oids old operator option options ordinality others over
overriding owned owner parallel parameter parser partial partition passing password plans policy preceding prepare prepared
preserve prior privileges procedural procedure procedures program publication quote range read reassign recheck recursive ref
referencing refresh reindex relative release rename repeatable replace replica reset restart restrict return returns revoke
role rollback rollup routine routines rows rule savepoint schema schemas scroll search second security sequence sequences
serializable server session set sets share show simple skip snapshot sql stable standalone start statement statistics stdin
stdout storage stored strict strip subscription support sysid system tables tablespace temp template temporary text ties
transaction transform trigger truncate trusted type types uescape unbounded uncommitted unencrypted unknown unlisten unlogged
until update vacuum valid validate validator value varying version view views volatile whitespace within without work wrapper
write xml year yes zone`;

const COLUMN_NAME = `between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping inout
int integer interval least national nchar none normalize nullif numeric out overlay position precision real row setof smallint
substring time timestamp treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse
xmlpi xmlroot xmlserialize xmltable`;

const TYPE_OR_FUNCTION = `authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join
left like natural notnull outer overlaps right similar tablesample verbose`;

const RESERVED = `all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc distinct do else
end except false fetch for foreign from grant group having in initially intersect into lateral leading limit localtime
localtimestamp not null offset on only or order placing primary references returning select session_user some symmetric table
then to trailing true union unique user using variadic when where window with`;

/** Keywords that may be a column label only after AS. */
const AS_LABEL = `array as char character create day except fetch filter for from grant group having hour intersect into isnull
limit minute month notnull offset on order over overlaps precision returning second to union varying where window with within
without year`;

export const CLASS_NONE = 0;
export const CLASS_UNRESERVED = 1;
export const CLASS_COLUMN_NAME = 2;
export const CLASS_TYPE_OR_FUNCTION = 3;
export const CLASS_RESERVED = 4;

function words(list: string): string[] {
  return list.split(/\s+/);
}

/** Keyword by number; entry 0 is the empty string. */
export const KEYWORDS: readonly string[] = [
  '',
  ...words(UNRESERVED),
  ...words(COLUMN_NAME),
  ...words(TYPE_OR_FUNCTION),
  ...words(RESERVED),
];

/** Class by keyword number, one of the `CLASS_` constants. */
export const KEYWORD_CLASS: Uint8Array = Uint8Array.from([
  CLASS_NONE,
  ...words(UNRESERVED).map(() => CLASS_UNRESERVED),
  ...words(COLUMN_NAME).map(() => CLASS_COLUMN_NAME),
  ...words(TYPE_OR_FUNCTION).map(() => CLASS_TYPE_OR_FUNCTION),
  ...words(RESERVED).map(() => CLASS_RESERVED),
]);

const asLabels = new Set(words(AS_LABEL));

/** 1 where the keyword may stand as a column label without AS. */
export const BARE_LABEL: Uint8Array = Uint8Array.from(KEYWORDS.map((word) => (asLabels.has(word) ? 0 : 1)));

const TABLE_SIZE = 2048;
const TABLE_MASK = TABLE_SIZE - 1;
/** The longest keyword is `current_timestamp`. */
const LONGEST = Math.max(...KEYWORDS.map((word) => word.length));
const slots = new Uint16Array(TABLE_SIZE);

/** Mixes one lower-case character into the hash; the lexer does the same inline. */
export function mixHash(hash: number, unit: number): number {
  return (Math.imul(hash, 31) + unit) | 0;
}

for (let number = 1; number < KEYWORDS.length; number++) {
  const word = KEYWORDS[number]!;
  let hash = 0;
  for (let i = 0; i < word.length; i++) hash = mixHash(hash, word.charCodeAt(i));
  let slot = hash & TABLE_MASK;
  while (slots[slot] !== 0) slot = (slot + 1) & TABLE_MASK;
  slots[slot] = number;
}

/** The keyword number of `text[start, end)` whose lower-cased characters have this hash, or 0. */
export function keywordAt(text: string, start: number, end: number, hash: number): number {
  const length = end - start;
  if (length > LONGEST) return 0;
  for (let slot = hash & TABLE_MASK; slots[slot] !== 0; slot = (slot + 1) & TABLE_MASK) {
    const number = slots[slot]!;
    const word = KEYWORDS[number]!;
    if (word.length === length && sameWord(text, start, word)) return number;
  }
  return 0;
}

function sameWord(text: string, start: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) {
    let unit = text.charCodeAt(start + i);
    if (unit >= 65 && unit <= 90) unit += 32;
    if (unit !== word.charCodeAt(i)) return false;
  }
  return true;
}
