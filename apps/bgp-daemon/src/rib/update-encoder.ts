import { ByteWriter, UpdatePacker } from '@calico-node/bgp';
import type { Family } from '@calico-node/net';
import type { Bundle, Bundles } from './bundles.ts';
import { OctetText } from './octet-text.ts';
import type { PathSlots } from './path-slots.ts';
import type { PrefixTable } from './prefix-table.ts';

/** Turns bundles into UPDATE messages, one after the other in one buffer that is used again. */
export class UpdateEncoder {
  readonly #family: Family;
  readonly #prefixes: PrefixTable;
  readonly #slots: PathSlots | undefined;
  readonly #writer = new ByteWriter(1 << 16);
  readonly #packer: UpdatePacker;
  readonly #scratch = new Uint8Array(17);
  /** The present bundle's attributes. */
  readonly #attributes = new OctetText();

  /** @param slots of ADD-PATH: what bundles hold are then paths, not prefixes. */
  constructor(family: Family, maxLength: number, prefixes: PrefixTable, slots?: PathSlots) {
    this.#slots = slots;
    this.#family = family;
    this.#packer = new UpdatePacker(family, maxLength, undefined, this.#writer);
    this.#prefixes = prefixes;
  }

  /** The messages of all bundles; `ends` is given where each bundle's end. */
  encode(bundles: Bundles, list: readonly Bundle[], ends?: Int32Array): Uint8Array {
    const writer = this.#writer;
    writer.reset();
    for (let index = 0; index < list.length; index++) {
      const bundle = list[index];
      if (bundle !== undefined) this.#one(bundles, bundle);
      if (ends !== undefined) ends[index] = writer.length;
    }
    return writer.finish();
  }

  #one(bundles: Bundles, bundle: Bundle): void {
    const { outbound, head } = bundle;
    let template: ConstructorParameters<typeof UpdatePacker>[2];
    if (outbound !== undefined) {
      const { attributes: text, nextHop, linkLocal } = outbound;
      const attributesLength = this.#attributes.write(text);
      template = { family: this.#family, attributes: this.#attributes.bytes, attributesLength, nextHop, linkLocal };
    }
    const packer = this.#packer;
    packer.start(template);
    const prefixes = this.#prefixes;
    const slots = this.#slots;
    if (slots !== undefined) {
      bundles.forEach(bundle, (slot) => {
        packer.add(this.#scratch, 0, prefixes.encode(slots.prefixOf(slot), this.#scratch), slot + 1);
      });
    } else if (this.#family === 4) {
      for (let at = head; at >= 0; at = bundles.next(at)) {
        const prefix = bundles.prefixAt(at);
        packer.add4(prefixes.address4(prefix), prefixes.lengthOf(prefix));
      }
    } else {
      for (let at = head; at >= 0; at = bundles.next(at)) {
        packer.add(this.#scratch, 0, prefixes.encode(bundles.prefixAt(at), this.#scratch));
      }
    }
    packer.close();
  }
}
