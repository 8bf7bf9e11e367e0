/** The lock file of a port, by which the processes on it find each other (src/daemon/shared_port.ts). */

/** Byte range locks of one file with the semantics of the kernel: the shared and the exclusive holders of each byte. */
export class FakeLockFile {
  readonly shared = new Map<bigint, Set<object>>();
  readonly claimed = new Map<bigint, object>();

  open() {
    const self = {};
    const free = (offset: bigint) => {
      this.shared.get(offset)?.delete(self);
      if (this.claimed.get(offset) === self) this.claimed.delete(offset);
    };
    return {
      share: (offset: bigint) => {
        const owner = this.claimed.get(offset);
        if (owner && owner !== self) return false;
        free(offset);
        this.shared.set(
          offset,
          (this.shared.get(offset) ?? new Set()).add(self),
        );
        return true;
      },
      claim: (offset: bigint) => {
        const owner = this.claimed.get(offset);
        const others = [...this.shared.get(offset) ?? []]
          .some((each) => each !== self);
        if ((owner && owner !== self) || others) return false;
        free(offset);
        this.claimed.set(offset, self);
        return true;
      },
      free,
      close: () => {
        for (const offset of [...this.shared.keys(), ...this.claimed.keys()]) {
          free(offset);
        }
      },
    };
  }
}
