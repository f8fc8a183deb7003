using System.Reflection;
using Elt.Durable;

namespace Elt.Service.Api;

/// <summary>The workflows that can be started by name, with their input records.</summary>
internal sealed class WorkflowCatalog(Assembly assembly)
{
    private readonly Dictionary<string, Type> _inputs = (
        from type in assembly.GetExportedTypes()
        let workflow = type.GetCustomAttribute<WorkflowAttribute>()
        where workflow is not null
        group (type, workflow.Version) by workflow.Name).ToDictionary(versions => versions.Key, versions => versions.MaxBy(v => v.Version).type);

    /// <exception cref="UnknownWorkflowException">There is none of that name.</exception>
    public Type InputOf(string workflow) => _inputs.TryGetValue(workflow, out var input)
        ? input
        : throw new UnknownWorkflowException($"There is no workflow '{workflow}'. There are: {string.Join(", ", _inputs.Keys.Order())}.");
}
