using System.Reflection;

namespace Elt.Service.Hosting;

/// <summary>Version of the service as people read it, without the commit.</summary>
internal static class ServiceVersion
{
    public static string Text { get; } =
        typeof(ServiceVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
