/** A stored value that decodes but can't be programmed; the object counts as deleted. */
export class ConversionError extends Error {
  override readonly name = 'ConversionError';
  readonly code = 'invalid-value';
}
