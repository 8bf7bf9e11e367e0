/** Tests that need libpcap. */

import { libpcap } from "../../ffi/libpcap.ts";
import { testWhere } from "../test_where.ts";

const missing = missingLibpcap();

function missingLibpcap(): string | undefined {
  try {
    libpcap();
    return undefined;
  } catch {
    return "libpcap is not installed";
  }
}

/** Registers a test that is skipped without libpcap. */
export function pcapTest(name: string, fn: () => void | Promise<void>): void {
  testWhere(missing, name, fn);
}
