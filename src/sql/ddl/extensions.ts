/**
 * CREATE EXTENSION. There are none to be made: what ExtentDB has beyond PostgreSQL shows as the extension "extentdb" of every database.
 * Programs that make sure of those that PostgreSQL brings along are told what of them there is, and go on.
 */

import type { CreateExtensionStatement } from '../ast/definitions.ts';
import { OWN_EXTENSION } from '../views/dependency-catalogs.ts';
import type { Definer } from './definer.ts';

/** What is there of extensions that many programs ask for before anything else. */
const IN_PLACE: ReadonlyMap<string, string> = new Map([
  ['plpgsql', 'Functions cannot be created.'],
  ['uuid-ossp', 'The function uuid_generate_v4() is built in, the others are not there.'],
  ['pgcrypto', 'The function gen_random_uuid() is built in, the others are not there.'],
]);

/** @throws 42710, 0A000 */
export function createExtension(d: Definer, { name, ifNotExists }: CreateExtensionStatement): void {
  const { text } = name;
  if (text === OWN_EXTENSION) {
    if (!ifNotExists) throw d.error('duplicate_object', `extension "${text}" already exists`, undefined);
    d.sql.tell(`extension "${text}" already exists, skipping`, { sqlstate: '42710' });
    return;
  }
  const detail = IN_PLACE.get(text);
  if (detail === undefined || !ifNotExists)
    throw d.error(
      'feature_not_supported',
      `extension "${text}" is not available`,
      name.at,
      detail === undefined ? {} : { detail },
    );
  d.sql.notice({
    severity: 'WARNING',
    sqlstate: '0A000',
    message: `extension "${text}" is not available, skipping`,
    detail,
  });
}
