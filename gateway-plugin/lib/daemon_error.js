// Why the daemon did not do what it was asked. `kind`:
//   absent   nobody listens
//   foreign  the socket is not ours, nothing was sent
//   slow     it has not answered in time; what was asked may be under way
//   refused  it answered with an error: `code`, `status`, `subject` as docs/control-api.md of b2backupd has them
//   odd      what came back is no answer of b2backupd
//   ended    the caller gave up
export class DaemonError extends Error {
  constructor(kind, message, more = {}) {
    super(message);
    this.name = 'DaemonError';
    this.kind = kind;
    Object.assign(this, more);
  }
}
