/** Requests about the administrator itself, and requests that it does not support. */

import { Method } from "../../../src/wire/mad.ts";
import { SaAttribute } from "../../../src/wire/sa/sa_mad.ts";
import type { RequestList } from "./request_list.ts";

export function addAdministratorRequests({ add }: RequestList): void {
  add("Get(ClassPortInfo)", 1, { attributeId: SaAttribute.ClassPortInfo });
  add("Set(ClassPortInfo)", 1, {
    method: Method.Set,
    attributeId: SaAttribute.ClassPortInfo,
  });
  add("GetTable(ClassPortInfo)", 1, {
    method: Method.GetTable,
    attributeId: SaAttribute.ClassPortInfo,
  });
  add("Get of an undefined attribute", 1, { attributeId: 0x7777 });
  add("undefined method", 1, { method: 0x30 });
  add("GetMulti(PathRecord)", 1, { method: Method.GetMulti });
  add("Set(PathRecord)", 1, { method: Method.Set });
  add("Delete(PathRecord)", 1, { method: Method.Delete });
  add("class version 1", 1, {
    classVersion: 1,
    attributeId: SaAttribute.ClassPortInfo,
  });
  add("wrong SM_Key", 1, {
    smKey: 0x1234n,
    attributeId: SaAttribute.ClassPortInfo,
  });
  add("an attribute modifier", 1, {
    attributeModifier: 7,
    attributeId: SaAttribute.ClassPortInfo,
  });
}
