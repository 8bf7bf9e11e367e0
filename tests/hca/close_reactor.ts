import type { ReactorBase } from "../../src/system/reactor_base.ts";

/** Closes the descriptors of a reactor that does not run. */
export function closeReactor(reactor: ReactorBase): void {
  reactor.stop();
  // A stopped reactor closes its descriptors when it is run.
  void reactor.run();
}
