/** Skips that are allowed in a continuous-integration run, because the machine may lack a feature. */

/** A test or suite that may be skipped under `IPOIB_CI=1`. */
export interface AllowedSkip {
  readonly name: RegExp;
  readonly because: string;
}

const ALLOWED_SKIPS: readonly AllowedSkip[] = [
  {
    name: /skipped: the kernel has no IPv4 membership events/,
    because: "older kernels lack the events; /proc is tested there",
  },
  {
    name: /skipped: Cannot (create|use) (an )?io_uring/,
    because: "some kernels lack or forbid io_uring; poll is tested there",
  },
  {
    name: /skipped: no next-hop program/,
    because: "kernels before 6.6 lack TCX, others BTF; routes are tested there",
  },
  {
    name: /skipped: full form only, IPOIB_FULL=1/,
    because: "test-full and test-kernel run it; a short form always runs",
  },
  {
    name: /skipped: this host has no InfiniBand port/,
    because: "it is hardware; virtual machines with a port run the same test",
  },
];

/** Returns the reason why the skip of `name` is allowed, or undefined if it is not. */
export function allowance(
  name: string,
  allowed: readonly AllowedSkip[] = ALLOWED_SKIPS,
): string | undefined {
  return allowed.find((skip) => skip.name.test(name))?.because;
}
