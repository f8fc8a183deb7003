namespace Elt.Durable;

/// <summary>A workflow version that runs are due for and that no live worker has registered: they wait for a worker to be deployed that has it.</summary>
/// <param name="Workflow">Name of the workflow.</param>
/// <param name="Version">Its version.</param>
/// <param name="Runs">How many runs wait, of the thousand that are due longest in each queue and without one.</param>
/// <param name="DueSince">Since when the first of them is due.</param>
public sealed record UnservedWorkflow(string Workflow, int Version, long Runs, DateTimeOffset DueSince);
