using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;

namespace Elt.Durable.Execution;

/// <summary>Name and version of a workflow: what a run is started as and claimed by.</summary>
internal readonly record struct WorkflowReference(string Name, int Version)
{
    private static readonly ConcurrentDictionary<Type, WorkflowReference> Known = new();

    public static WorkflowReference Of(Type inputType) => Known.GetOrAdd(inputType, static type =>
    {
        var attribute = type.GetCustomAttribute<WorkflowAttribute>()
            ?? throw new UnknownWorkflowException($"{type.FullName} names no workflow: put [Workflow(\"kebab-case-name\")] on the record.");
        if (string.IsNullOrWhiteSpace(attribute.Name) || attribute.Name.Length > 100 || attribute.Version < 1)
            throw new UnknownWorkflowException($"[Workflow] of {type.FullName} needs a name of 1 to 100 characters and a version of at least 1.");
        return new WorkflowReference(attribute.Name, attribute.Version);
    });

    /// <summary>Name and version as a worker's row lists them.</summary>
    public string ToKey() => string.Create(CultureInfo.InvariantCulture, $"{Name} {Version}");

    public override string ToString() => Version == 1 ? Name : $"{Name} v{Version}";
}

/// <summary>A workflow class that this process can execute.</summary>
internal sealed record WorkflowRegistration(
    WorkflowReference Reference, Type InputType, Type ResultType, Func<IServiceProvider, string, WorkflowContext, Payloads, Task<string>> Invoke);

/// <summary>The workflows that this process can execute, by name and version.</summary>
internal sealed class WorkflowRegistry
{
    private readonly Dictionary<WorkflowReference, WorkflowRegistration> _byReference = [];

    public IReadOnlyCollection<WorkflowReference> References => _byReference.Keys;

    public void Add(Type workflow)
    {
        var parameters = FindBase(workflow)?.GetGenericArguments()
            ?? throw new ArgumentException($"{workflow.FullName} is no workflow: derive it from Workflow<TInput, TResult>.", nameof(workflow));
        var registration = (WorkflowRegistration)typeof(WorkflowRegistry)
            .GetMethod(nameof(Describe), BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod(workflow, parameters[0], parameters[1])
            .Invoke(null, null)!;
        if (!_byReference.TryAdd(registration.Reference, registration))
            throw new ArgumentException($"Workflow '{registration.Reference}' is registered twice; give {workflow.FullName} another name or version.", nameof(workflow));
    }

    public WorkflowRegistration? Find(WorkflowReference reference) => _byReference.GetValueOrDefault(reference);

    /// <summary>The newest version of a workflow, for those who start it by its name.</summary>
    public WorkflowRegistration Latest(string name) =>
        _byReference.Values.Where(r => r.Reference.Name == name).MaxBy(r => r.Reference.Version)
        ?? throw new UnknownWorkflowException(
            $"There is no workflow '{name}'. Known: {string.Join(", ", _byReference.Keys.Select(r => r.Name).Distinct().Order(StringComparer.Ordinal))}.");

    private static Type? FindBase(Type? type)
    {
        while (type is not null && !(type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Workflow<,>)))
            type = type.BaseType;
        return type;
    }

    private static WorkflowRegistration Describe<TWorkflow, TInput, TResult>()
        where TWorkflow : Workflow<TInput, TResult>
        where TInput : IWorkflow<TResult> =>
        new(WorkflowReference.Of(typeof(TInput)), typeof(TInput), typeof(TResult), async (services, input, context, payloads) =>
        {
            var name = WorkflowReference.Of(typeof(TInput)).Name;
            var workflow = services.GetRequiredService<TWorkflow>();
            var result = await workflow.RunAsync(Payloads.Read<TInput>(input, "Input of workflow", name), context);
            return payloads.Write(result, "Result of workflow", name);
        });
}
