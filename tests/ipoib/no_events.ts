/** Events that nothing takes. */

import { InterfaceEvents } from "../../src/ipoib/interface_events.ts";

export const NO_EVENTS = new InterfaceEvents(undefined, () => "ib0");
