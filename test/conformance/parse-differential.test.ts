/**
 * Differential test of the parser against PostgreSQL's own grammar (libpg-query, a development dependency).
 *
 * Queries and DML: both trees become one canonical text and must agree. Other statements: both must accept. The corpora of
 * captured clients and of sqllogictest are read when the folder that holds them exists. A mutation test deletes, doubles and
 * swaps tokens of the cases: what PostgreSQL rejects, ExtentDB must reject too. The score file may only rise.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadModule, parseSync } from 'libpg-query';
import { beforeAll, expect, test } from 'vitest';
import { ExtentError } from '../../src/base/errors.ts';
import type { ParsedStatement } from '../../src/sql/ast/statements.ts';
import { Lexer } from '../../src/sql/lexer/lexer.ts';
import { splitStatements } from '../../src/sql/lexer/split.ts';
import { parseScript } from '../../src/sql/parser/parser.ts';
import { ownText } from './parse/own-text.ts';
import { pgText } from './parse/pg-text.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const project = fileURLToPath(new URL('../..', import.meta.url));
const shared = process.env['EXTENTDB_SHARED'] ?? join(project, '..', 'shared');
const score: { cases: number; agreed: number; mutants: number; reasons: Record<string, string> } = JSON.parse(
  readFileSync(here('parse/score.json'), 'utf8'),
);

/** The statements of a script, by our own lexer. */
function statementsOf(text: string): string[] {
  const lexer = new Lexer();
  lexer.scan(text);
  return splitStatements(lexer).map(({ from, to }) => text.slice(lexer.start(from), lexer.end(to - 1)));
}

function ours(sql: string): ParsedStatement | ExtentError {
  try {
    return parseScript(sql)[0]!;
  } catch (error) {
    if (error instanceof ExtentError) return error;
    throw error;
  }
}

function theirs(sql: string): unknown {
  try {
    const statements: unknown = parseSync(sql).stmts;
    return Array.isArray(statements) ? statements[0]?.stmt : undefined;
  } catch {
    return undefined;
  }
}

/** Null when both agree, else what differs. */
function difference(sql: string): string | null {
  const own = ours(sql);
  const pg = theirs(sql);
  if (own instanceof ExtentError) return pg === undefined ? null : `refused: ${own.message}`;
  if (pg === undefined) return 'accepted';
  const { statement } = own;
  if (
    statement.kind !== 'query' &&
    statement.kind !== 'insert' &&
    statement.kind !== 'update' &&
    statement.kind !== 'delete'
  )
    return null;
  const [left, right] = [ownText(statement), pgText(pg)];
  return left === right ? null : `ours ${left}\n  PostgreSQL ${right}`;
}

function compare(statements: readonly string[]): { agreed: number; unexplained: string[] } {
  const unexplained: string[] = [];
  let agreed = 0;
  for (const sql of statements) {
    const found = difference(sql);
    if (found === null) agreed++;
    else if (score.reasons[sql] === undefined) unexplained.push(`${sql}\n  ${found}`);
  }
  return { agreed, unexplained };
}

beforeAll(() => loadModule());

test("the project's own cases agree with PostgreSQL's grammar", () => {
  const cases = statementsOf(readFileSync(here('parse/cases.sql'), 'utf8'));
  const { agreed, unexplained } = compare(cases);
  expect(unexplained).toEqual([]);
  expect(cases.length).toBeGreaterThanOrEqual(score.cases);
  expect(agreed).toBeGreaterThanOrEqual(score.agreed);
});

function sampleOf(folder: string): string[] {
  const clients = join(folder, 'corpus', 'clients');
  const logic = join(folder, 'corpus', 'sqllogictest');
  const found = new Set<string>();
  if (existsSync(clients)) {
    for (const file of readdirSync(clients).filter((name) => name.endsWith('.sql'))) {
      for (const sql of statementsOf(readFileSync(join(clients, file), 'utf8'))) found.add(sql);
    }
  }
  if (existsSync(logic)) {
    for (const file of readdirSync(logic).filter((name) => name.endsWith('.test'))) {
      const records = readFileSync(join(logic, file), 'utf8').split('\n\n');
      for (let i = 0; i < records.length; i += 29) {
        const sql = /^(?:statement|query)[^\n]*\n([\s\S]*?)(?:\n----|$)/m.exec(records[i]!)?.[1];
        if (sql !== undefined) found.add(sql);
      }
    }
  }
  return [...found];
}

test.skipIf(!existsSync(shared))(
  "captured clients and sqllogictest agree with PostgreSQL's grammar",
  { timeout: 60_000 },
  () => {
    expect(compare(sampleOf(shared)).unexplained).toEqual([]);
  },
);

/** Statements whose option lists or refused actions are checked when they are carried out, not by the grammar. */
function isCheckedLater({ statement }: ParsedStatement): boolean {
  switch (statement.kind) {
    case 'unsupported':
    case 'createDatabase':
    case 'alterDatabase':
    case 'createRole':
    case 'alterRole':
    case 'explain':
    case 'vacuum':
    case 'copy':
      return true;
    case 'alterTable':
      return statement.actions.some((action) => action.kind === 'other');
    default:
      return false;
  }
}

/** One token deleted, doubled, or swapped with the next. */
function mutants(sql: string): string[] {
  const lexer = new Lexer();
  lexer.scan(sql);
  const tokens = Array.from({ length: lexer.count }, (_, i) => lexer.source(i));
  const changed: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    changed.push(tokens.toSpliced(i, 1).join(' '), tokens.toSpliced(i, 0, tokens[i]!).join(' '));
    if (i + 1 < tokens.length) changed.push(tokens.toSpliced(i, 2, tokens[i + 1]!, tokens[i]!).join(' '));
  }
  return changed;
}

test('mutants of the cases are rejected when PostgreSQL rejects them', { timeout: 120_000 }, () => {
  const cases = statementsOf(readFileSync(here('parse/cases.sql'), 'utf8')).filter((sql) => sql.length < 160);
  const wrong: string[] = [];
  let count = 0;
  for (const sql of cases) {
    for (const mutant of mutants(sql)) {
      if (mutant === '') continue;
      count++;
      const own = ours(mutant);
      const refused = own instanceof ExtentError || own === undefined || isCheckedLater(own);
      if (refused) continue;
      if (theirs(mutant) === undefined && score.reasons[mutant] === undefined) wrong.push(mutant);
    }
  }
  expect(count).toBeGreaterThanOrEqual(score.mutants);
  expect(wrong).toEqual([]);
});
