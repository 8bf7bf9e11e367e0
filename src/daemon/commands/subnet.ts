/** Command `subnet.show` of an interface: the record of its embedded subnet, fetched from the subnet manager. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { Later } from "../thread/commands.ts";
import type { DataCommands } from "./context.ts";

export const subnetCommands = {
  "subnet.show": ({ subnet, showSubnet }, { name }) => {
    if (name !== undefined && name !== subnet) {
      const own = subnet === undefined ? "a real fabric" : `subnet ${subnet}`;
      throw new IpoibError(
        "E_SUBNET_NAME",
        `This interface is on ${own}, not on ${name}`,
        { errno: Errno.ENOENT },
      );
    }
    return new Later(showSubnet);
  },
} satisfies Partial<DataCommands>;
