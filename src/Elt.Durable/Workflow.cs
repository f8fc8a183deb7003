namespace Elt.Durable;

/// <summary>
/// Marks an input record as the typed reference to its workflow: whoever holds the record can start the workflow and
/// knows the type of its result. The record carries <see cref="WorkflowAttribute"/> with the workflow's stable name.
/// </summary>
/// <typeparam name="TResult">What the workflow returns; must survive a round trip through JSON.</typeparam>
public interface IWorkflow<TResult>;

/// <summary>Names the workflow that an input record starts.</summary>
/// <param name="name">Stable kebab-case name. It is stored in the journal: renaming it strands runs in flight.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct, Inherited = false)]
public sealed class WorkflowAttribute(string name) : Attribute
{
    /// <summary>Stable kebab-case name, at most 100 characters.</summary>
    public string Name { get; } = name;

    /// <summary>
    /// Version of the workflow's code that this record starts; default 1. Raise it when runs in flight could not follow
    /// the changed code; a worker claims only the (name, version) pairs it has registered, and may have several.
    /// </summary>
    public int Version { get; init; } = 1;
}

/// <summary>
/// A durable workflow. The body may be executed several times (after a crash, after a long wait), so everything with an effect or
/// with a varying answer belongs into a step of the <see cref="WorkflowContext"/>; between steps the code must be deterministic.
/// Instances come from dependency injection, one per execution.
/// </summary>
/// <typeparam name="TInput">The input record, see <see cref="IWorkflow{TResult}"/>.</typeparam>
/// <typeparam name="TResult">The result.</typeparam>
public abstract class Workflow<TInput, TResult>
    where TInput : IWorkflow<TResult>
{
    /// <summary>Runs the workflow. An exception that leaves it ends the run as <see cref="RunStatus.Error"/>.</summary>
    /// <param name="input">The input the run was started with.</param>
    /// <param name="context">The only way to steps, children, time and ids.</param>
    public abstract Task<TResult> RunAsync(TInput input, WorkflowContext context);
}
