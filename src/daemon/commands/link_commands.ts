/** Commands of `ipoib link` and `ipoib child`. */

import {
  checkParent,
  type DataCommands,
  findInterface,
  findInterfaces,
  recordContext,
} from "./context.ts";
import { childRecord, linkRecord } from "../records.ts";
import { checkMode, setMtu } from "./settings.ts";

export const linkCommands = {
  "link.show": (context, { name }) => {
    const record = recordContext(context);
    const { parent } = context.device;
    return findInterfaces(context, name).map((iface) =>
      linkRecord(iface, parent, record)
    );
  },
  "link.set": (context, params) => {
    const iface = findInterface(context, params.name);
    checkMode(context, iface.name, params.mode);
    if (params.umcast !== undefined) iface.umcast = params.umcast;
    if (params.mtu !== undefined) setMtu(context, iface, params.mtu);
    if (params.up !== undefined) iface.netdev.setUp(params.up);
    return {};
  },
  "link.add": (context, { link, name, pkey, mode, umcast }) => {
    checkParent(context, link);
    checkMode(context, name, mode);
    const child = context.device.addChild(name, pkey);
    child.umcast = umcast ?? false;
    return {};
  },
  "link.del": (context, { name }) => {
    return {
      deleted: context.device.removeChild(findInterface(context, name)),
    };
  },
  "child.create": (context, { parent, pkey }) => {
    checkParent(context, parent);
    const child = context.device.createChild(pkey);
    return childRecord(child, context.device);
  },
  "child.delete": (context, { parent, pkey }) => {
    checkParent(context, parent);
    context.device.deleteChild(pkey);
    return {};
  },
  "child.list": (context, { parent }) => {
    checkParent(context, parent);
    return context.device.children.map((child) =>
      childRecord(child.interface, context.device)
    );
  },
} satisfies Partial<DataCommands>;
