/**
 * Our interface and the Linux kernel's own ib_ipoib on one fabric, in virtual machines that are booted once for all of this.
 *
 * The order counts: the ports are set up anew for the last ones.
 */

import { Fabric } from "../../scripts/rig/fabric.ts";
import { iperf } from "./scenarios/iperf.ts";
import { ping } from "./scenarios/ping.ts";
import { recovery } from "./scenarios/recovery.ts";

const fabric = new Fabric();
Deno.test.beforeAll(() => fabric.start());
Deno.test.afterAll(() => fabric.stop());

ping(fabric);
iperf(fabric, 2044);
recovery(fabric);
