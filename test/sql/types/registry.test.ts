/** The registry is consistent with itself and keeps PostgreSQL's oids. */

import { expect, test } from 'vitest';
import { formatType } from '../../../src/sql/types/format-type.ts';
import { registry } from '../../../src/sql/types/registry.ts';
import { session, typeNamed, typeOf } from './support.ts';

test('well-known oids are PostgreSQL’s', () => {
  expect(typeNamed('int4').oid).toBe(23);
  expect(typeNamed('timestamp with time zone').oid).toBe(1184);
  expect(typeNamed('text').arrayOid).toBe(1009);
  expect(registry.operator(96)).toMatchObject({
    name: '=',
    left: 23,
    right: 23,
    result: 16,
    commutator: 96,
    negator: 518,
  });
  expect(registry.function(1299)).toMatchObject({ name: 'now', volatility: 's', result: 1184 });
  expect(registry.aggregate(2803)?.name).toBe('count');
});

test('commutators and negators name each other', () => {
  for (const operator of registry.operators()) {
    const commutator = registry.operator(operator.commutator);
    if (commutator !== undefined) {
      expect([commutator.left, commutator.right]).toEqual([operator.right, operator.left]);
      expect(commutator.commutator).toBe(operator.oid);
    }
    const negator = registry.operator(operator.negator);
    if (negator !== undefined) expect(negator.negator).toBe(operator.oid);
  }
});

test('every function can run, or is a window function', () => {
  let count = 0;
  for (const fn of registry.functions()) {
    count++;
    const runs = fn.impl ?? fn.setImpl ?? fn.specialize ?? fn.specializeSet;
    expect(runs !== undefined || fn.kind === 'w', `${fn.name}(${fn.args})`).toBe(true);
    expect(fn.returnsSet, fn.name).toBe(fn.setImpl !== undefined || fn.specializeSet !== undefined);
    for (const arg of fn.args) expect(registry.type(arg), `${fn.name} takes ${arg}`).toBeDefined();
  }
  expect(count).toBeGreaterThan(900);
});

test('oids are unique within functions, aggregates, operators and types', () => {
  for (const entries of [
    [...registry.functions(), ...registry.aggregates()],
    [...registry.operators()],
    [...registry.types()],
  ]) {
    expect(new Set(entries.map((entry) => entry.oid)).size).toBe(entries.length);
  }
});

test('casts follow PostgreSQL’s contexts', () => {
  const context = (source: string, target: string) =>
    registry.cast(typeNamed(source).oid, typeNamed(target).oid)?.context;
  expect(context('int4', 'int8')).toBe('i');
  expect(context('int8', 'int4')).toBe('a');
  expect(context('int4', 'bool')).toBe('e');
  expect(context('int4', 'text')).toBe('a');
  expect(context('text', 'int4')).toBe('e');
  expect(context('unknown', 'date')).toBe('i');
  expect(context('bool', 'date')).toBeUndefined();
  expect(context('int4[]', 'text[]')).toBe('a');
});

test('format_type spells types as PostgreSQL does', () => {
  const spell = (name: string, typmod: number | undefined) => {
    const type = typeNamed(name);
    return formatType(type, typmod, registry.type(type.elementOid));
  };
  expect(spell('numeric', typeNamed('numeric').typmodIn?.(['10', '2']))).toBe('numeric(10,2)');
  expect(spell('timestamptz', 3)).toBe('timestamp(3) with time zone');
  expect(spell('varchar[]', 24)).toBe('character varying(20)[]');
  expect(spell('bpchar', -1)).toBe('bpchar');
  expect(spell('bpchar', undefined)).toBe('character');
  expect(spell('interval', (3080 << 16) | 0xffff)).toBe('interval day to minute');
  expect(spell('char', -1)).toBe('"char"');
});

test('reg types read names and numbers and print names', () => {
  const context = session();
  const read = (type: string, text: string) => typeNamed(type).parse(text, -1, context);
  expect(read('regclass', 'tenk')).toBe(16384);
  expect(read('regclass', '-')).toBe(0);
  expect(typeNamed('regclass').format(999, context)).toBe('999');
  expect(read('regproc', 'now')).toBe(1299);
  expect(typeNamed('regprocedure').format(Number(read('regprocedure', 'lower(text)')), context)).toBe('lower(text)');
  expect(typeNamed('regoper').format(551, context)).toBe('+');
  expect(() => read('regclass', 'nowhere')).toThrow('relation "nowhere" does not exist');
  expect(() => read('regtype', 'nothing')).toThrow('type "nothing" does not exist');
});

test('values of types that are only names are refused with 0A000', () => {
  for (const name of ['json', 'jsonb', 'xml', 'inet', 'timetz']) {
    expect(() => typeOf(typeNamed(name).oid).parse('{}', -1, session())).toThrow(/not supported/);
  }
});

test('by name, by oid and all at once the registry gives the same entries', () => {
  for (const fn of registry.functions()) {
    expect(registry.function(fn.oid)).toBe(fn);
    expect(registry.functionsNamed(fn.name)).toContain(fn);
  }
  for (const operator of registry.operators()) {
    expect(registry.operator(operator.oid)).toBe(operator);
    expect(registry.function(operator.fn.oid)).toBe(operator.fn);
  }
  for (const type of registry.types()) expect(registry.typeNamed(type.name)).toBe(registry.type(type.oid));
  expect(registry.functionsNamed('no such function')).toEqual([]);
  expect(registry.function(1)).toBeUndefined();
  expect(registry.operator(1)).toBeUndefined();
});
