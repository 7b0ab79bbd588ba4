/** A refusal that ends a run at once, by its type in CONTRACT. */
export class RunRefused extends Error {
  override readonly name = "RunRefused";
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}
