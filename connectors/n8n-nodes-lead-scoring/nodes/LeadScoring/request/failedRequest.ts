import type { Failure } from './problem';

/** Carries a failure to the place that knows the item; never leaves the node. */
export class FailedRequest extends Error {
	constructor(readonly failure: Failure) {
		super(failure.message);
	}
}
