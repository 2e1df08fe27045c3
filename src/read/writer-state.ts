import type { ControlFile } from '../control/control-file.js';
import type { LockProbe } from '../mapping/lock.js';

/**
 * What has become of the one who appends: at work (or recovering the log, to be at work next), gone
 * after closing it, or gone without.
 */
export type WriterState = 'appending' | 'closed' | 'died';

/** Asks the control page, which a clean close marks, and the kernel, who alone knows of a death. */
export function writerState(lock: LockProbe, control: ControlFile): WriterState {
  if (isCleanlyClosed(control)) return 'closed';
  return lock.isHeld() ? 'appending' : died(control);
}

/** Looked at again: it may have been closed between the two questions. */
function died(control: ControlFile): WriterState {
  return isCleanlyClosed(control) ? 'closed' : 'died';
}

/** Everything that its appender had is committed, and visible to whoever sees this. */
export function isCleanlyClosed(control: ControlFile): boolean {
  return control.checkpoint().clean;
}
