/** The skips that a continuous-integration run may have: what cannot exist there, and nothing else. */

/** A test or suite that may be skipped under `IPOIB_CI=1`. */
export interface AllowedSkip {
  readonly name: RegExp;
  readonly because: string;
}

const ALLOWED_SKIPS: readonly AllowedSkip[] = [
  {
    name: /skipped: the kernel has no IPv4 membership events/,
    because: "kernels before that support exist, and /proc is tested there",
  },
  {
    name: /skipped: Cannot (create|use) (an )?io_uring/,
    because:
      "kernels without it, or that forbid it, exist; poll is tested there",
  },
  {
    name: /skipped: no next-hop program/,
    because:
      "kernels before TCX (6.6), or without BTF, exist; routes are tested there",
  },
  {
    name: /skipped: full form only, IPOIB_FULL=1/,
    because: "test-full and test-kernel run it; a short form always runs",
  },
  {
    name: /skipped: this host has no InfiniBand port/,
    because: "it is hardware; the same runs in virtual machines that have one",
  },
];

/** Why the skip of `name` is allowed, or undefined if it is not. */
export function allowance(
  name: string,
  allowed: readonly AllowedSkip[] = ALLOWED_SKIPS,
): string | undefined {
  return allowed.find((skip) => skip.name.test(name))?.because;
}
