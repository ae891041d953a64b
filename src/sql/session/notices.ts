/** Which notices of a session reach its client: those at least as severe as client_min_messages says, and every INFO. */
import type { Notice } from './results.ts';

const SEVERITIES = ['debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'debug', 'log', 'notice', 'warning', 'error'];

/** @param minimum - client_min_messages as it stands when a notice is told. */
export function noticesAbove(
  minimum: () => string,
  send: (notice: Notice) => void = () => {},
): (notice: Notice) => void {
  return (notice) => {
    if (shows(minimum(), notice.severity)) send(notice);
  };
}

function shows(minimum: string, severity: Notice['severity']): boolean {
  return severity === 'INFO' || SEVERITIES.indexOf(severity.toLowerCase()) >= SEVERITIES.indexOf(minimum);
}
