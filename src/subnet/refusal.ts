/** How the administrator says no. */

/** A request that gets an error status; the message says why, field by field, for the log. */
export class SaRefusal extends Error {
  override readonly name = "SaRefusal";
  /** MAD status. */
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

/** A number as the log has it: `0x8001`. */
export function hex(value: number, digits = 4): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}
