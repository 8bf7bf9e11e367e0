/** What `ethtool` asks the driver for (Linux ipoib_ethtool.c) and is not in a link record or in statistics. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { type CommandContext, type DataCommands, one } from "./context.ts";
import { VERSION } from "../../ipc/version.ts";
import type { FeatureRecord } from "../../ipc/schema.ts";

export const ethtoolCommands = {
  "coalesce.get": (context, { name }) => {
    const { rxUsecs, rxFrames } = one(context, name).moderation.values;
    return { "rx-usecs": rxUsecs, "rx-frames": rxFrames };
  },
  "coalesce.set": (context, { name, values }) => {
    const { "rx-usecs": rxUsecs, "rx-frames": rxFrames, ...others } = values;
    const [unsupported] = Object.keys(others);
    if (unsupported !== undefined) {
      throw new IpoibError(
        "E_COALESCE_PARAMETER",
        "cannot modify an unsupported parameter",
        { errno: Errno.EOPNOTSUPP, hint: "rx-usecs and rx-frames only" },
      );
    }
    one(context, name).moderation.set({
      ...(rxUsecs === undefined ? {} : { rxUsecs }),
      ...(rxFrames === undefined ? {} : { rxFrames }),
    });
    return {};
  },
  "driver": (context, { name }) => {
    one(context, name);
    const { firmware, busInfo } = context.port.attributes;
    return {
      "driver": "ib_ipoib",
      "version": VERSION,
      "firmware-version": firmware,
      "expansion-rom-version": "",
      "bus-info": busInfo,
      "supports-statistics": true,
      "supports-test": false,
      "supports-eeprom-access": false,
      "supports-register-dump": false,
      "supports-priv-flags": false,
    };
  },
  "features": (context, { name }) => {
    one(context, name);
    return features(context);
  },
} satisfies Partial<DataCommands>;

/**
 * What the interface has: the HCA's part is fixed, the rest is the kernel's default, which `ethtool -K` on the device
 * itself can change.
 */
function features({ port }: CommandContext): FeatureRecord[] {
  const { receiveChecksum, transmitChecksum, segmentation } =
    port.attributes.capabilities;
  const feature = (name: string, active: boolean, fixed: boolean) => ({
    name,
    active,
    fixed,
    requested: active,
  });
  return [
    feature("rx-checksum", receiveChecksum, true),
    feature("tx-checksum-ipv4", transmitChecksum, true),
    feature("tx-scatter-gather", true, true),
    feature("tx-tcp-segmentation", segmentation !== "none", true),
    feature("highdma", true, true),
    feature("vlan-challenged", true, true),
    feature("tx-generic-segmentation", true, false),
    feature("rx-gro", true, false),
    feature("tx-nocache-copy", false, false),
    feature("rx-gro-list", false, false),
    feature("rx-udp-gro-forwarding", false, false),
  ];
}
