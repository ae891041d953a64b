/** What pg_sleep waits for. */
import { unsupported } from '../../base/errors.ts';
import { REQUEST_TIMER, type Request } from '../../base/task.ts';

/** A request that is answered when some time has passed. */
export function sleeping(
  clock: { after(delayMs: number, fire: () => void): { cancel(): void } },
  delayMs: number,
): Request {
  return {
    kind: REQUEST_TIMER,
    start(resume) {
      const pending = clock.after(delayMs, resume);
      return () => pending.cancel();
    },
    answerNow() {
      throw unsupported('pg_sleep in a synchronous call');
    },
  };
}
