/**
 * Interoperability of ipoib and the Linux driver ib_ipoib on one fabric, in virtual machines that are booted once.
 *
 * The short form runs with all other tests, the full one by `deno task test-kernel`. The tests depend on their order:
 * some use the child interfaces and devices of earlier ones, and the last ones change the MTU of all ports.
 */

import { Fabric } from "../../scripts/rig/fabric.ts";
import { fullTest } from "../../scripts/test/form.ts";
import { capture } from "./scenarios/capture.ts";
import { coalescing } from "./scenarios/coalescing.ts";
import { connections } from "./scenarios/connections.ts";
import { connected } from "./scenarios/connected.ts";
import { device } from "./scenarios/device.ts";
import { doctor } from "./scenarios/doctor.ts";
import { ethtool } from "./scenarios/ethtool.ts";
import { iperf } from "./scenarios/iperf.ts";
import { flaps } from "./scenarios/flaps.ts";
import { grhRequired } from "./scenarios/grh_required.ts";
import { ipv6 } from "./scenarios/ipv6.ts";
import { largeMtu } from "./scenarios/large_mtu.ts";
import { largeSends } from "./scenarios/large_sends.ts";
import { leak } from "./scenarios/leak.ts";
import { limitedMembers } from "./scenarios/limited_members.ts";
import { lostDevice } from "./scenarios/lost_device.ts";
import { memlock } from "./scenarios/memlock.ts";
import { missing } from "./scenarios/missing.ts";
import { movedAddress } from "./scenarios/moved_address.ts";
import { otherInterface } from "./scenarios/other_interface.ts";
import { ping } from "./scenarios/ping.ts";
import { ports } from "./scenarios/ports.ts";
import { recovery } from "./scenarios/recovery.ts";
import { reload } from "./scenarios/reload.ts";
import { restart } from "./scenarios/restart.ts";
import { roce } from "./scenarios/roce.ts";
import { saOutage } from "./scenarios/sa_outage.ts";
import { sharedPort } from "./scenarios/shared_port.ts";
import { waiting } from "./scenarios/waiting.ts";

// With two processors ib_ipoib of Linux 6.1 occasionally corrupts its list of received packets, and its machine hangs
// (soft lockup in netif_receive_skb_list_internal, called from ipoib_rx_poll).
const fabric = new Fabric({ processors: 1 });
Deno.test.beforeAll(() => fabric.start());
Deno.test.afterAll(() => fabric.stop());

ping(fabric);
otherInterface(fabric);
iperf(fabric, 2044, Deno.test);
coalescing(fabric);
ethtool(fabric);
capture(fabric);
leak(fabric);
recovery(fabric);
restart(fabric);
doctor(fabric);
// After recovery, because it restarts ipoib, which deletes the child interface of the scenarios before.
ipv6(fabric);
largeSends(fabric);
flaps(fabric);
connected(fabric);
sharedPort(fabric);
reload(fabric);
movedAddress(fabric);
saOutage(fabric);
waiting(fabric);
limitedMembers(fabric);
grhRequired(fabric);
ports(fabric);
lostDevice(fabric);
missing(fabric);
device(fabric);
connections(fabric);
memlock(fabric);
roce(fabric);
largeMtu(fabric);
iperf(fabric, 4092, fullTest);
