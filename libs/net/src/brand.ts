declare const brand: unique symbol;

/** A `Base` that only the parser of `Name` makes; at run time it is the bare value. */
export type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };
