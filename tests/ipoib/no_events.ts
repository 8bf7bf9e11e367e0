/** Events that nothing takes. */

import { InterfaceEvents } from "../../src/ipoib/interface_events.ts";

export const NO_EVENTS = new InterfaceEvents(
  undefined,
  () => ({ name: "ib0", namespace: 1n }),
);
